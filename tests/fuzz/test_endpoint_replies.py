"""Whatever an endpoint says is a valid value or Malformed, never another exception, and what is stored reads back."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generation.replying import DIALECT, GOOD, REQUEST, body_of
from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect
from wbrag_pipeline.generation.endpoints.openai_format import parse_chat
from wbrag_pipeline.generation.endpoints.openai_routes import (
    parse_detokenized,
    parse_distribution,
    parse_end_and_text,
    parse_models,
    parse_token_count,
    parse_token_ids,
)
from wbrag_pipeline.generation.endpoints.replicas import _retry_after
from wbrag_pipeline.generation.endpoints.reply_body import Malformed, read_json
from wbrag_pipeline.generation.engine_protocol import Completion, Request

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**70), 10**400]),
    st.floats(),
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs"])),
)
ANY_JSON = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*path, step))


@st.composite
def mutated(draw: st.DrawFn, good: Any) -> Any:
    reply = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        there = list(places(reply))
        if not there:
            break
        path = draw(st.sampled_from(there))
        place: Any = reply
        for step in path[:-1]:
            place = place[step]
        if draw(st.booleans()):
            place[path[-1]] = draw(ANY_JSON)
        else:
            del place[path[-1]]
    return reply


@given(
    body=mutated(GOOD).map(body_of)
    | ANY_JSON.map(body_of)
    | st.binary()
    | st.binary().map(lambda b: body_of(GOOD) + b),
    choices=st.sampled_from([(), ("yes", "no")]),
    dialect=st.sampled_from([DIALECT, Dialect(), Dialect(vllm=True, logprobs=0, structured="response_format")]),
)
def test_any_reply_is_a_valid_completion_or_malformed(body: bytes, choices: tuple[str, ...], dialect: Dialect) -> None:
    request = Request(REQUEST.messages, 8, choices=choices, logprobs=20)
    try:
        made = parse_chat(read_json(body), request, dialect)
    except Malformed as error:
        assert len(str(error)) < 600
        return
    assert made.final or (made.failed and not made.text)
    again = Completion.from_json(json.loads(json.dumps(made.to_json(), ensure_ascii=False).encode()))
    assert again == made
    assert all(0.0 <= math.exp(token.logprob) <= 1.0 for token in made.tokens)


TOP = {"token_id:1": -0.1, "token_id:7": -3.0}
ROUTES: list[tuple[Callable[[Any], Any], Any]] = [
    (parse_models, {"data": [{"id": "tiny", "owned_by": "vllm", "max_model_len": 100}]}),
    (parse_distribution, {"choices": [{"text": "", "logprobs": {"top_logprobs": [TOP]}}]}),
    (parse_token_ids, {"tokens": [1, 2, 3], "count": 3}),
    (parse_token_count, {"tokens": [1, 2, 3], "count": 3}),
    (parse_detokenized, {"prompt": "Paris"}),
    (parse_end_and_text, {"choices": [{"text": "Paris", "finish_reason": "stop"}]}),
]


@pytest.mark.parametrize(("read", "good"), ROUTES, ids=lambda value: getattr(value, "__name__", ""))
def test_any_reply_of_the_other_routes_is_valid_or_malformed(read: Callable[[Any], Any], good: Any) -> None:
    assert read(good)

    @given(mutated(good).map(body_of) | ANY_JSON.map(body_of) | st.binary())
    def holds(body: bytes) -> None:
        try:
            found = read(read_json(body))
        except Malformed:
            return
        str(found).encode()
        if read is parse_distribution:
            assert all(0.0 <= p <= 1.0 for p in found.values()) and math.fsum(found.values()) <= 1.01
        if read is parse_models:
            "".join(found).encode()
            assert all(model.context is None or model.context > 0 for model in found.values())

    holds()


@given(st.text() | st.sampled_from(["nan", "inf", "1e400", "-1", "Mon, 01 Jan 0001 00:00:00 -0000"]))
def test_any_retry_after_is_a_pause(value: str) -> None:
    assert _retry_after(value) >= 0.0
