"""What an endpoint can do is found out from what it does, not from what it says."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.endpoints.endpoint_discovery import say_what_is_lacking
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy
from wbrag_pipeline.generation.engine_protocol import Capabilities
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.language_model import LanguageModel

PASSAGE = Passage("1", "Radium", "Radium was found in 1898.")
Chat = Callable[[dict[str, Any]], Any]


def endpoint(chat: Chat, models: Any = None) -> tuple[OpenAIEndpoint, list[dict[str, Any]]]:
    """An endpoint behind a function; the bodies of its chat requests are collected."""
    bodies: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json=models) if models else httpx.Response(404)
        if not request.url.path.endswith("/chat/completions"):
            return httpx.Response(404)
        bodies.append(json.loads(request.content))
        made = chat(bodies[-1])
        return made if isinstance(made, httpx.Response) else httpx.Response(200, json=made)

    return OpenAIEndpoint(["http://test/v1"], "tiny", transport=httpx.MockTransport(handle)), bodies


def reply(text: str, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop", **choice}]}


def test_a_bare_endpoint_answers_and_its_lacks_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    engine, bodies = endpoint(lambda body: reply("True, I think"))
    model = LanguageModel(engine)
    assert engine.capabilities == Capabilities(None, False, False, False)
    (answer,) = model.answer(["Is it?"], [[PASSAGE]], YES_NO)
    assert YES_NO.parse(answer.text) == "True" and answer.probability == 0.0
    model.answer(["Was it?"], [[PASSAGE]], YES_NO)
    assert len(caplog.messages) == 4
    assert all(method in caplog.text for method in ("self_rag", "flare", "replug"))
    assert not {"logprobs", "structured_outputs", "response_format", "top_k"} & set(bodies[-1])
    with pytest.raises(InputError, match="replug"):
        model.answer_ensemble(["Where?"], [[PASSAGE]], [[1.0]], OPEN_QA)


@pytest.mark.parametrize("most", [20, 5, 0])
def test_as_many_alternatives_are_asked_for_as_can_be_had(most: int) -> None:
    def chat(body: dict[str, Any]) -> Any:
        top = body.get("top_logprobs", 0)
        if top > most:
            return httpx.Response(400, json={"error": f"top_logprobs must be at most {most}"})
        tops = [{"token": "yes", "logprob": -0.1}, {"token": "no", "logprob": -2.4}][:top]
        tokens = [{"token": "yes", "logprob": -0.1, "top_logprobs": tops}]
        return reply("yes", logprobs={"content": tokens} if body.get("logprobs") else None)

    engine, bodies = endpoint(chat)
    model = LanguageModel(engine)
    assert engine.capabilities.logprobs == most
    (verdict,) = model.assess(["Where?"], [PASSAGE], ["here"], OPEN_QA)
    assert verdict.relevant == pytest.approx(0.909 if most else 0.905, abs=2e-3)
    assert bodies[-1].get("top_logprobs", 0) == most


def test_a_server_without_a_system_role_gets_its_text_in_the_first_turn() -> None:
    def chat(body: dict[str, Any]) -> Any:
        if body["messages"][0]["role"] == "system":
            return httpx.Response(400, json={"error": "System role not supported"})
        return reply("1898")

    engine, bodies = endpoint(chat)
    assert LanguageModel(engine).answer(["When?"], [[PASSAGE]], OPEN_QA)[0].text == "1898"
    assert [turn["role"] for turn in bodies[-1]["messages"]] == ["user"]
    assert OPEN_QA.instruction in bodies[-1]["messages"][0]["content"]


def test_choices_by_json_schema_where_nothing_else_is_understood() -> None:
    def chat(body: dict[str, Any]) -> Any:
        if "response_format" not in body:
            return reply("Well.")
        schema = body["response_format"]["json_schema"]["schema"]
        return reply(json.dumps({"choice": schema["properties"]["choice"]["enum"][-1]}))

    engine, _ = endpoint(chat)
    assert engine.capabilities.structured
    assert LanguageModel(engine).answer(["Is it?"], [[PASSAGE]], YES_NO)[0].text == "False"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_an_answer_that_the_server_cut_is_counted(reason: str) -> None:
    engine, _ = endpoint(lambda body: reply("It was in", finish_reason=reason))
    model = LanguageModel(engine)
    (answer,) = model.answer(["When?"], [[PASSAGE]], OPEN_QA)
    assert not answer.finished and model.usage.incidents == {"answers_cut": 1}


def test_another_model_than_the_one_served_is_refused() -> None:
    engine, _ = endpoint(lambda body: reply("x"), models={"data": [{"id": "other"}]})
    with pytest.raises(InputError, match="serves 'other'"):
        _ = engine.capabilities


def test_no_log_probability_but_the_tokens_own_is_none_lacking(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        say_what_is_lacking("x", Capabilities(0, True, True, True))
    assert not caplog.messages


# What stands for ``vllm serve``: prompts are one token, 0; its one word, 1, comes first and then the end, 2.


def vllm(broken: str) -> LanguageModel:
    """A model behind a server that has broken down at the route ``broken`` since it was asked what it can do."""
    asked = Counter[str]()

    def handle(request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or b"{}")
        asked[path] += 1
        if path == broken and asked[path] > (path == "/tokenize"):
            return httpx.Response(500, json={"error": "out of order"})
        return httpx.Response(200, json=said(path, body))

    def said(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v1/models":
            return {"data": [{"id": "tiny", "owned_by": "vllm", "max_model_len": 100}]}
        if path == "/tokenize":
            return {"tokens": [0]}
        if path == "/detokenize":
            return {"prompt": " ".join({1: "Paris"}.get(token, "") for token in body["tokens"])}
        if path == "/v1/completions":
            last = body["prompt"][-1]
            if "allowed_token_ids" in body:  # which tokens end the turn
                return choice("" if last == 2 else "Paris", "stop" if last == 2 else "length")
            return choice("", "length", logprobs={"top_logprobs": [{f"token_id:{2 if last == 1 else 1}": 0.0}]})
        return reply("well")

    policy = RetryPolicy(tries=2, first_wait=0.001)
    return LanguageModel(
        OpenAIEndpoint(["http://test/v1"], "tiny", policy=policy, transport=httpx.MockTransport(handle))
    )


def choice(text: str, finish: str, **rest: Any) -> dict[str, Any]:
    return {"choices": [{"text": text, "finish_reason": finish, **rest}]}


def test_where_token_ids_or_texts_cannot_be_had_nothing_is_taken_for_an_answer() -> None:
    asked = (["Where?"], [[PASSAGE]], [[1.0]], OPEN_QA)
    assert vllm("").answer_ensemble(*asked)[0].text == "Paris"
    for route in ("/tokenize", "/detokenize"):
        model = vllm(route)
        with pytest.raises(WbragError, match=f"fails at {route}: .*out of order"):
            model.answer_ensemble(*asked)
        assert not model.usage.incidents
