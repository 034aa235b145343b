"""Replies that no server should give: each is a valid completion or a failed call, and only what can be is stored.

The generators are hypothesis': valid replies in which any value is another one, any JSON, and any bytes.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import logging
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation import reply_body
from wbrag_pipeline.generation.completions import CompletionCache
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.openai_format import (
    Dialect,
    context_length,
    parse_chat,
    parse_detokenized,
    parse_distribution,
    parse_end_and_text,
    parse_models,
    parse_token_count,
    parse_token_ids,
)
from wbrag_pipeline.generation.replicas import RetryPolicy, _retry_after
from wbrag_pipeline.generation.reply_body import Malformed, read_json

KEY = "sk-very-secret-4711"
ONCE = RetryPolicy(in_flight=4, tries=1, timeout=5.0, first_wait=0.001)
DIALECT = Dialect(logprobs=20)
REQUEST = Request((Message("user", "Where?"),), 8, logprobs=20)
GOOD: dict[str, Any] = {
    "id": "x",
    "model": "tiny",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Paris"},
            "finish_reason": "stop",
            "logprobs": {
                "content": [
                    {
                        "token": "Paris",
                        "logprob": -0.1,
                        "bytes": [80],
                        "top_logprobs": [{"token": "Paris", "logprob": -0.1}, {"token": "Rome", "logprob": -3.0}],
                    }
                ]
            },
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}
DEEP = b"[" * 200_000 + b"]" * 200_000


class Pieces(httpx.AsyncByteStream):
    """A body that comes over the wire in pieces, as it is; ``sent`` counts its bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.sent = pieces, 0

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        for piece in self.pieces:
            self.sent += len(piece)
            yield piece


def body_of(reply: Any) -> bytes:
    return reply if isinstance(reply, bytes) else json.dumps(reply).encode()


def endpoint(answer: Callable[[], httpx.Response]) -> OpenAIEndpoint:
    """An endpoint that is well while it is asked what it can do, and then answers by ``answer``."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "tiny"}]})
        asked = json.loads(request.content)["messages"][-1]["content"]
        return httpx.Response(200, json=GOOD) if "fruit" in asked else answer()

    return OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))


def wire(body: bytes, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=Pieces(iter([body])))


def stored(cache: CompletionCache) -> list[str]:
    with closing(sqlite3.connect(cache.path)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM completions")]


def asked(answer: Callable[[], httpx.Response], folder: Path) -> tuple[LanguageModel, CompletionCache]:
    """A model that was asked one question, whose answer failed and was not stored."""
    cache = CompletionCache(folder / "c.sqlite")
    model = LanguageModel(endpoint(answer), cache)
    (made,) = model.answer(["Where?"], [[]], OPEN_QA)
    assert made.failed and model.usage.failed == 1 and stored(cache) == []
    return model, cache


def with_value(*path: str | int, value: Any) -> dict[str, Any]:
    reply = copy.deepcopy(GOOD)
    place: Any = reply
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return reply


CHOICE: tuple[str | int, ...] = ("choices", 0)
TOKEN = (*CHOICE, "logprobs", "content", 0)
IMPOSSIBLE: dict[str, Any] = {
    "no choices": with_value("choices", value=[]),
    "null choices": with_value("choices", value=None),
    "choices by name": with_value("choices", value={"0": GOOD["choices"][0]}),
    "several choices": with_value("choices", value=GOOD["choices"] * 2),
    "a choice that is none": with_value("choices", value=[None]),
    "no message": with_value(*CHOICE, "message", value=None),
    "null content": with_value(*CHOICE, "message", "content", value=None),
    "list content": with_value(*CHOICE, "message", "content", value=[{"type": "text", "text": "Paris"}]),
    "object content": with_value(*CHOICE, "message", "content", value={"text": "Paris"}),
    "number content": with_value(*CHOICE, "message", "content", value=7),
    "lone surrogate": with_value(*CHOICE, "message", "content", value="Par\ud800is"),
    "an error in the choice": with_value(*CHOICE, "error", value={"message": "out of memory"}),
    "broken off": with_value(*CHOICE, "finish_reason", value="error"),
    "an error": {"error": {"message": "out of memory"}},
    "an error in words": {"error": "out of memory"},
    "usage as a list": with_value("usage", value=[1]),
    "usage as a word": with_value("usage", value="many"),
    **{
        f"{count} tokens": with_value("usage", "prompt_tokens", value=count)
        for count in (-1, 10**9, 2**63, 10**400, 1.5, 1e308, True, "7", [], math.nan, math.inf)
    },
    **{
        f"log-probability {logprob!r:.20}": with_value(*TOKEN, "logprob", value=logprob)
        for logprob in (1e9, 0.5, 0.001, math.nan, math.inf, -math.inf, 10**400, None, "-0.1", True, [], {})
    },
    **{
        f"alternative of {logprob!r:.20}": with_value(*TOKEN, "top_logprobs", 0, "logprob", value=logprob)
        for logprob in (1e9, math.nan, math.inf, None, "x")
    },
    "alternatives by name": with_value(*TOKEN, "top_logprobs", value={"Paris": -0.1}),
    "alternatives that are none": with_value(*TOKEN, "top_logprobs", value=[1, 2]),
    "alternatives without tokens": with_value(*TOKEN, "top_logprobs", value=[{"logprob": -0.1}]),
    "a token that is none": with_value(*TOKEN, "token", value=None),
    "a token of half a pair": with_value(*TOKEN, "token", value="\udfff"),
    "tokens that are none": with_value(*CHOICE, "logprobs", "content", value=[None]),
    "tokens as a word": with_value(*CHOICE, "logprobs", "content", value="Paris"),
    "log-probabilities as a list": with_value(*CHOICE, "logprobs", value=[-0.1]),
    "no log-probabilities": with_value(*CHOICE, "logprobs", value=None),
    "a list": [GOOD],
    "a number": 7,
    "nothing": None,
    "no JSON": b"<html><body>502 Bad Gateway</body></html>",
    "half of it": body_of(GOOD)[:90],
    "empty": b"",
    "blanks": b" \n ",
    "no UTF-8": body_of(GOOD).replace(b"Paris", b"Par\xefs"),
    "half a pair in bytes": body_of(GOOD).replace(b'"Paris"', b'"Par\xed\xa0\x80is"'),
    "deep": DEEP,
    "deep inside": body_of(GOOD).replace(b'"tiny"', DEEP),
    "a number of 5,000 digits": body_of(GOOD).replace(b"8", b"8" * 5000),
    "an event stream": b"data: " + body_of(GOOD) + b"\n\ndata: [DONE]\n\n",
}


@pytest.mark.parametrize("fault", sorted(IMPOSSIBLE))
def test_a_reply_that_cannot_be_is_a_failed_call_and_is_not_stored(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, cache = asked(lambda: wire(body_of(IMPOSSIBLE[fault])), tmp_path)
    (said,) = [message for message in caplog.messages if "failed for good" in message]
    assert "answered what cannot be used (" in said and len(said) < 600
    # When the server is well again, the same question is asked again.
    well = LanguageModel(endpoint(lambda: wire(body_of(GOOD))), cache)
    assert well.answer(["Where?"], [[]], OPEN_QA)[0].text == "Paris"
    assert (well.usage.sent, well.usage.entries_damaged, len(stored(cache))) == (1, 0, 1)


@pytest.mark.parametrize(
    ("reply", "logprob", "top"),
    [
        (with_value(*TOKEN, "logprob", value=1e-7), 0.0, 2),
        (with_value(*TOKEN, "logprob", value=0), 0.0, 2),
        (with_value(*TOKEN, "logprob", value=-9999.0), -9999.0, 2),
        (with_value(*TOKEN, "top_logprobs", 1, "logprob", value=-math.inf), -0.1, 1),
        (with_value(*TOKEN, "top_logprobs", value=None), -0.1, 0),
        (with_value("usage", value=None), -0.1, 2),
        (with_value("usage", "prompt_tokens", value=None), -0.1, 2),
    ],
)
def test_what_rounding_and_habit_do_is_put_right(reply: Any, logprob: float, top: int) -> None:
    made = parse_chat(read_json(body_of(reply)), REQUEST, DIALECT)
    assert (made.text, made.tokens[0].logprob, len(made.tokens[0].top)) == ("Paris", logprob, top)
    assert Completion.from_json(json.loads(json.dumps(made.to_json()))) == made


# Hypothesis: whatever a server says.

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
    assert made.final
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
        json.dumps(found, ensure_ascii=False).encode()
        if read is parse_distribution:
            assert all(0.0 <= p <= 1.0 for p in found.values()) and math.fsum(found.values()) <= 1.01
        if read is parse_models:
            assert all(isinstance(context_length(entry), int | None) for entry in found.values())

    holds()


@given(st.text() | st.sampled_from(["nan", "inf", "1e400", "-1", "Mon, 01 Jan 0001 00:00:00 -0000"]))
def test_any_retry_after_is_a_pause(value: str) -> None:
    assert _retry_after(value) >= 0.0


@pytest.mark.parametrize(
    "models",
    [
        {"data": 7},
        {"data": [{"id": []}]},
        {"data": {"id": "tiny"}},
        [],
        {"data": [{"id": "tiny", "max_model_len": -5}]},
    ],
)
def test_a_list_of_models_of_another_shape_is_no_traceback(models: Any) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=models if request.url.path.endswith("/models") else GOOD)

    engine = OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))
    try:
        assert engine.capabilities.logprobs is not None
    except WbragError as error:
        assert "cannot be used" in str(error)


def test_probes_whose_replies_cannot_be_used_find_no_ability() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "tiny", "owned_by": "vllm"}]})
        if "tokenize" in request.url.path:
            return httpx.Response(200, json={"tokens": "many"})
        if "logprobs" in body or "structured_outputs" in body or "response_format" in body:
            return httpx.Response(200, json={"choices": []})
        return httpx.Response(200, json=with_value(*CHOICE, "logprobs", value=None))

    engine = OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))
    found = engine.capabilities
    assert (found.logprobs, found.structured, found.distributions) == (None, False, False)


# Sizes, compression, redirects.


def test_a_compressed_reply_is_unpacked(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    body = gzip.compress(body_of(GOOD))
    model = LanguageModel(endpoint(lambda: wire(body, content_encoding="gzip")), cache)
    assert model.answer(["Where?"], [[]], OPEN_QA)[0].text == "Paris"


@pytest.mark.parametrize(
    ("body", "coding", "said"),
    [
        (gzip.compress(b"0" * (300 << 20), compresslevel=1), "gzip", "more than 8,388,608 bytes"),
        (gzip.compress(gzip.compress(b"0" * (1 << 20))), "gzip, gzip", "not asked for"),
        (b"\x1b\x00", "br", "not asked for"),
        (b"\x28\xb5\x2f\xfd", "zstd", "not asked for"),
        (b"\x78\x9c", "deflate", "not asked for"),
        (body_of(GOOD), "gzip", "damaged"),
        (gzip.compress(body_of(GOOD))[:-9], "gzip", "cut"),
        (b"", "gzip", "an empty body"),
    ],
    ids=["bomb", "twice", "br", "zstd", "deflate", "not gzip", "cut", "empty"],
)
def test_a_compressed_reply_is_bounded(
    body: bytes,
    coding: str,
    said: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[int] = []
    parse = reply_body.read_json
    monkeypatch.setattr(
        "wbrag_pipeline.generation.replicas.read_json", lambda body: held.append(len(body)) or parse(body)
    )
    asked(lambda: wire(body, content_encoding=coding), tmp_path)
    assert said in caplog.text
    assert max(held, default=0) <= reply_body.MOST_BYTES


def test_a_reply_that_never_ends_is_read_up_to_a_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bodies: list[Pieces] = []

    def endless() -> httpx.Response:
        def pieces() -> Iterator[bytes]:
            while True:
                yield b" " * (1 << 16)

        bodies.append(Pieces(pieces()))
        return httpx.Response(200, stream=bodies[-1])

    asked(endless, tmp_path)
    assert "more than" in caplog.text
    assert bodies[-1].sent <= reply_body.MOST_BYTES + (1 << 16)


def test_a_refusal_that_never_ends_is_read_up_to_a_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = Pieces(iter(lambda: b"no! " * 1000, b""))
    asked(lambda: httpx.Response(400, stream=body), tmp_path)
    assert body.sent <= reply_body.MOST_BYTES_OF_REFUSAL + 4000
    assert len(caplog.text) < 2000 and "no! no!" in caplog.text


def test_a_redirect_is_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked(lambda: wire(b"", 307, location="http://elsewhere/v1/chat/completions"), tmp_path)
    assert "redirects, which is not followed" in caplog.text


# The key.


SPELLINGS = {
    "whole": KEY,
    "in upper case": KEY.upper(),
    "over lines": "sk-very\n-secret\n  -4711",
    "letter by letter": " ".join(KEY),
    "in pieces": '["sk-very-", "secret-", "4711"]',
    "reversed": KEY[::-1],
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 in more": base64.b64encode(f"Authorization: Bearer {KEY}; and more".encode()).decode(),
    "base64 over lines": "\n".join(base64.b64encode(f"x{KEY}".encode()).decode()[i : i + 7] for i in range(0, 28, 7)),
    "base64 for URLs": base64.urlsafe_b64encode(f"ab{KEY}".encode()).decode().rstrip("="),
    "hexadecimal": KEY.encode().hex(),
    "in an address": quote(KEY, safe="").replace("-", "%2D"),
    "all of it in percent": "".join(f"%{ord(c):02x}" for c in KEY),
    "JSON escapes": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "JSON in JSON": json.dumps(json.dumps("".join(f"\\u{ord(c):04x}" for c in KEY))),
    "HTML": "".join(f"&#{ord(c)};" for c in KEY),
}


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("where", ["answer", "error", "refusal", "model"])
def test_a_server_that_repeats_the_key_gets_it_nowhere(
    spelling: str, where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_API_KEY", KEY)
    caplog.set_level(logging.DEBUG, logger="wbrag_pipeline")
    echo = f"You sent {SPELLINGS[spelling]}, and that is all"
    shown = ""
    if where == "model":

        def handle(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"data": [{"id": echo}]})

        engine = OpenAIEndpoint(["http://test/v1"], "tiny", policy=ONCE, transport=httpx.MockTransport(handle))
        with pytest.raises(WbragError) as caught:
            _ = engine.capabilities
        shown = str(caught.value)
    elif where == "answer":
        # JSON's own escapes are what the server writes; all else is text inside it.
        body = body_of(with_value(*CHOICE, "message", "content", value="ECHO")).replace(
            b"ECHO", echo.encode() if spelling == "JSON escapes" else json.dumps(echo)[1:-1].encode()
        )
        asked(lambda: wire(body), tmp_path)
    elif where == "error":
        asked(lambda: wire(body_of({"error": {"message": echo}})), tmp_path)
    else:
        asked(lambda: wire(echo.encode(), 400), tmp_path)
    shown += caplog.text
    assert "key" in shown
    assert not any(piece in shown for piece in (KEY, SPELLINGS[spelling], "You sent", "very-secret"))


def test_a_refusal_with_a_part_of_the_key_is_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_API_KEY", KEY)
    asked(lambda: wire(b"wrong key sk-very-***", 400), tmp_path)
    assert "sk-very" not in caplog.text


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-ü4711", "sk-\x1b[31m4711"])
def test_a_key_that_cannot_be_sent_is_an_error_that_does_not_repeat_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        _ = endpoint(lambda: wire(body_of(GOOD))).capabilities
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("key", ["EMPTY", "x", "none", "not-needed", "ollama", "sk-no-key-required"])
def test_a_placeholder_in_place_of_a_key_costs_no_answer(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    text = "The set is empty: none is needed, no key required, not needed in Ollama or x"
    reply = with_value(*CHOICE, "message", "content", value=text)
    model = LanguageModel(endpoint(lambda: wire(body_of(reply))), CompletionCache(tmp_path / "c.sqlite"))
    assert model.answer(["Where?"], [[]], OPEN_QA)[0].text == text


# What was stored before.


@pytest.mark.parametrize(
    "value",
    [
        '["Paris", [["Paris", 1000000000.0, []]], 7, 1, "stop"]',
        '["Paris", [["Paris", NaN, []]], 7, 1, "stop"]',
        '["Paris", [["Paris", -Infinity, []]], 7, 1, "stop"]',
        '["Paris", [], -1, 1, "stop"]',
        '["Par\\ud800is", [], 7, 1, "stop"]',
        '["Paris", [], 7, 1, "failed"]',
        '["Paris", [], 7, 1]',
        '{"text": "Paris"}',
        "null",
        "7",
        '"Par',
        "[" * 100_000,
    ],
)
def test_a_stored_completion_that_cannot_be_is_asked_for_again_and_counted(value: str, tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "c.sqlite")
    LanguageModel(endpoint(lambda: wire(body_of(GOOD))), cache).answer(["Where?"], [[]], OPEN_QA)
    (good,) = stored(cache)
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute("UPDATE completions SET value = ?", (value,))
    model = LanguageModel(endpoint(lambda: wire(body_of(GOOD))), cache)
    assert model.answer(["Where?"], [[]], OPEN_QA)[0].text == "Paris"
    assert (model.usage.sent, model.usage.cached, model.usage.incidents) == (1, 0, {"entries_damaged": 1})
    assert stored(cache) == [good]


def test_an_engine_of_any_kind_whose_completion_cannot_be_has_failed(tmp_path: Path) -> None:
    from tests.generation.scripted_engine import ScriptedEngine
    from wbrag_pipeline.generation.engine_protocol import Token

    cache = CompletionCache(tmp_path / "c.sqlite")
    made = {
        "nan": Completion("Paris", (Token("Paris", math.nan),)),
        "half": Completion("\ud800"),
        "rounded": Completion("Paris", (Token("Paris", 1e-7),)),
    }
    model = LanguageModel(
        ScriptedEngine(lambda request: made[request.messages[-1].content.rsplit(maxsplit=1)[-1]]), cache
    )
    nan, half, rounded = model.answer(["nan", "half", "rounded"], [[]] * 3, OPEN_QA)
    assert (nan.failed, half.failed, rounded.failed, rounded.probability) == (True, True, False, 1.0)
    assert model.usage.failed == 2 and len(stored(cache)) == 1
