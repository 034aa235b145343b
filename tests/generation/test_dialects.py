"""Endpoints as they are: what a server does otherwise is found out once, told once, and kept to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.generation.dialects import (
    Azure,
    LlamaCpp,
    Mistral,
    NewerOpenAI,
    NoSystemRole,
    NoSystemRoleUnsaid,
    PickyUnsaid,
    StreamAlways,
    StreamOnly,
    StreamOnlyWithoutOptions,
    message,
    refusal,
)
from tests.generation.scripted_server import Reply, ScriptedServer, json_reply
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Message, Request
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.language_model import LanguageModel

PASSAGES = [Passage("1", "Radium", "Radium was found in 1898."), Passage("2", "Vistula", "The Vistula flows.")]


def endpoint(server: ScriptedServer, model: str = "tiny", **extra: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint.named(
        f"openai:{server.url}#{model}", {"in_flight": 4, "first_wait": 0.001, "tries": 3} | extra
    )


def texts(engine: OpenAIEndpoint, prompts: list[str], **fields: Any) -> list[str]:
    found: dict[int, Completion] = {}
    asked = [Request((Message("system", "Be brief."), Message("user", prompt)), 8, **fields) for prompt in prompts]
    engine.complete(asked, found.__setitem__)
    assert not any(completion.failed for completion in found.values())
    return [found[index].text for index in range(len(prompts))]


DIALECTS: dict[str, tuple[type[ScriptedServer], str, Callable[[dict[str, Any]], bool]]] = {
    "newer OpenAI": (
        NewerOpenAI,
        "max_completion_tokens in place of max_tokens",
        lambda body: (
            not {"max_tokens", "temperature", "stop"} & set(body) and body["max_completion_tokens"] == 8 + 2048
        ),
    ),
    "Mistral": (Mistral, "takes no seed", lambda body: "seed" not in body and "temperature" in body),
    "no system role": (NoSystemRole, "no system message", lambda body: len(body["messages"]) == 1),
    "no system role, unsaid": (NoSystemRoleUnsaid, "no system message", lambda body: len(body["messages"]) == 1),
    "picky, unsaid": (
        PickyUnsaid,
        "takes no seed",
        lambda body: "stop" in body and body["messages"][0]["role"] == "system",
    ),
    "stream only": (StreamOnly, "only in a stream", lambda body: body["stream_options"] == {"include_usage": True}),
    "stream only, no options": (StreamOnlyWithoutOptions, "in a stream", lambda body: "stream_options" not in body),
    "stream always": (StreamAlways, "only in a stream", lambda body: body["stream"] is True),
    "Azure": (Azure, "", lambda body: body["max_tokens"] == 8),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_found_out_once_told_once_and_remembered(name: str, caplog: pytest.LogCaptureFixture) -> None:
    kind, said, kept_to = DIALECTS[name]
    with kind() as server:
        engine = endpoint(server)
        assert texts(engine, ["number 1", "number 2"], stop=("\n\n",)) == ["echo 1", "echo 2"]
        assert kept_to(server.bodies[-1])
        told, attempts = len(caplog.messages), engine.attempts
        assert texts(engine, ["number 3"], stop=("\n\n",)) == ["echo 3"]
        assert (len(caplog.messages), engine.attempts) == (told, attempts + 1)
    assert said in caplog.text and all(caplog.messages.count(line) == 1 for line in caplog.messages)


def test_a_stop_string_that_a_server_does_not_take_ends_the_answer_here() -> None:
    class Chatty(NewerOpenAI):
        def chat(self, asked: dict[str, Any]) -> Reply:
            status, headers, data = super().chat(asked)
            return status, headers, data.replace(b"echo 1", b"one END two")

    with Chatty() as server:
        assert texts(endpoint(server), ["number 1"], stop=(" END",)) == ["one"]


def test_what_a_server_refuses_only_later_is_left_out_then_and_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    class Later(ScriptedServer):
        """Wants no seed from its 30th request on, as behind a balancer that is brought up to date."""

        def chat(self, asked: dict[str, Any]) -> Reply:
            if "number" in asked["messages"][-1]["content"] and "seed" in asked:
                return refusal("Unknown parameter: 'seed'.", 400)
            return super().chat(asked)

    with Later() as server:
        engine = endpoint(server)
        assert texts(engine, [f"number {i}" for i in range(9)]) == [f"echo {i}" for i in range(9)]
        sent = [prompt for prompt in server.sends if "number" in prompt for _ in range(server.sends[prompt])]
        assert len(sent) == 18
        assert texts(engine, ["number 10"]) == ["echo 10"] and server.sends["number 10"] == 1
    assert sum("takes no seed" in line for line in caplog.messages) == 1


def test_arguments_leave_a_field_out_or_add_one() -> None:
    with ScriptedServer() as server:
        arguments = {"seed": None, "max_tokens": None, "top_k": 1, "chat_template_kwargs": {"enable_thinking": True}}
        assert texts(endpoint(server, **arguments), ["number 1"]) == ["echo 1"]
        assert all(not {"seed", "max_tokens"} & set(body) and body["top_k"] == 1 for body in server.bodies)
        assert server.bodies[-1]["chat_template_kwargs"] == {"enable_thinking": True}


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("@cf/meta/llama-3.1-8b", "@cf/meta/llama-3.1-8b"),
        ("claude@20240620", "claude@20240620"),
        ("org/model@main", "org/model"),
        ("@cf/meta/llama@r2", "@cf/meta/llama"),
    ],
)
def test_an_at_sign_may_belong_to_the_models_name(written: str, known: str, listed: bool) -> None:
    class Known(ScriptedServer):
        def models(self) -> Reply:
            return json_reply({"data": [{"id": known}, {"id": "other"}]}) if listed else json_reply({}, 404)

        def chat(self, asked: dict[str, Any]) -> Reply:
            if asked["model"] != known:
                return json_reply({"error": {"message": f"The model `{asked['model']}` does not exist."}}, 404)
            return super().chat(asked)

    with Known() as server:
        assert texts(endpoint(server, written), ["number 1"]) == ["echo 1"]
        assert server.bodies[-1]["model"] == known


@pytest.mark.parametrize("route", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
@pytest.mark.parametrize("models", [True, False])
def test_an_address_without_v1_or_with_too_much_is_put_right(route: str, models: bool) -> None:
    class Bare(ScriptedServer):
        def models(self) -> Reply:
            return super().models() if models else json_reply({}, 404)

        def other(self, path: str, asked: dict[str, Any]) -> Reply:
            return (200, {}, b"<html>Welcome</html>") if path in ("/", "/models") else super().other(path, asked)

    with Bare() as server:
        engine = OpenAIEndpoint.named(f"openai:{server.url.removesuffix('/v1')}{route}#tiny", {"tries": 2})
        assert texts(engine, ["number 1"]) == ["echo 1"]


def test_azures_key_goes_into_its_own_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_API_KEY", "azure-key-4711")
    with Azure() as server:
        assert texts(endpoint(server), ["number 1"]) == ["echo 1"]
        heads = [head.lower() for head in server.heads if "/chat/completions" in head]
    assert all("api-key: azure-key-4711" in head and "authorization" not in head for head in heads)
    assert all("/chat/completions?api-version=2024-10-21" in head for head in heads)


@pytest.mark.parametrize("query", ["api-version=1&key=sk-secret", "key=sk-secret", "api-version=sk/secret"])
def test_no_other_query_is_taken(query: str) -> None:
    with pytest.raises(InputError, match="no query but") as caught:
        OpenAIEndpoint.named(f"openai:https://x.example/openai?{query}#m", {})
    assert "secret" not in str(caught.value)


# llama.cpp.


def test_llama_cpp_has_every_ability() -> None:
    with LlamaCpp() as server:
        engine = endpoint(server)
        assert engine.capabilities == Capabilities(20, True, True, True)
        model = LanguageModel(engine)
        assert engine.count_tokens(["Paris", "two words"]) == [1, 2]
        (ahead,) = model.look_ahead(["Where?"], [PASSAGES], ["It is Par"], OPEN_QA)
        # What was begun is not told again.
        assert (ahead.text, ahead.probability) == ("is", pytest.approx(0.905, abs=1e-3))
        (mixed,) = model.answer_ensemble(["Where?"], [PASSAGES], [[0.5, 0.5]], OPEN_QA)
        assert (mixed.text, mixed.probability, mixed.finished) == ("Paris", pytest.approx(0.905, abs=1e-3), True)
        assert engine.ends(0) and not engine.ends(1)


def test_an_address_of_llama_cpp_without_v1_is_not_taken_for_its_other_routes() -> None:
    with LlamaCpp() as server:
        engine = OpenAIEndpoint.named(f"openai:{server.url.removesuffix('/v1')}#tiny", {"tries": 2})
        assert engine.capabilities.distributions


def test_a_prompt_beyond_a_slots_context_is_left_out_of_an_ensemble() -> None:
    class Small(LlamaCpp):
        context = 60

    with Small() as server:
        long = Passage("3", "Long", "word " * 90)
        model = LanguageModel(endpoint(server))
        model.answer_ensemble(["Where?"], [[long]], [[1.0]], OPEN_QA)
        assert model.usage.prompts_too_long == 1 and model.usage.passages_dropped == 1


def test_a_server_that_shows_heads_alone_gives_ensembles_whose_missing_mass_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Heads(LlamaCpp):
        """Shows one token, of whose probability it is not certain that no other has as much."""

        def _next(self, asked: dict[str, Any]) -> dict[str, Any]:
            if asked["logprobs"] > 20:
                return {"error": {"code": 400, "message": "logprobs must be at most 20"}}
            asked["logprobs"] = min(asked["logprobs"], 1)
            reply = super()._next(asked)
            for token in reply["choices"][0]["logprobs"]["content"]:
                for shown in token["top_logprobs"]:
                    shown["logprob"] = -0.8
            return reply

    class Wide(Heads):
        words: ClassVar[list[str]] = [*Heads.words, *(f"w{i}" for i in range(30))]

    with Wide() as server:
        engine = endpoint(server)
        assert engine.capabilities == Capabilities(20, True, True, True, whole=False)
        model = LanguageModel(engine)
        (answer,) = model.answer_ensemble(["Where?"], [PASSAGES], [[0.5, 0.5]], OPEN_QA)
    assert answer.text == "Paris" and model.usage.incidents == {"tokens_unproved": 2}
    assert "at most 55.1 % of a mixture was not shown" in caplog.text


# What a person is told.


def test_a_wrong_model_name_is_answered_with_those_there_are() -> None:
    class Several(ScriptedServer):
        def models(self) -> Reply:
            return json_reply({"data": [{"id": f"m{i}"} for i in range(30)] + [{"id": "qwen2.5:0.5b"}]})

        def chat(self, asked: dict[str, Any]) -> Reply:
            return json_reply({"error": {"message": f"model {asked['model']!r} not found"}}, 404)

    with Several() as server, pytest.raises(InputError) as caught:
        _ = endpoint(server, "qwen2.5:7b").capabilities
    said = str(caught.value)
    assert "it has no model 'qwen2.5:7b'; it has qwen2.5:0.5b, " in said and "and 19 more" in said
    assert len(said) < 600 and "\n" not in said


def test_a_server_that_lets_another_model_answer_is_found_out() -> None:
    class Lax(ScriptedServer):
        def models(self) -> Reply:
            return json_reply({"data": [{"id": "big"}, {"id": "small"}]})

        def chat(self, asked: dict[str, Any]) -> Reply:
            return json_reply(message(asked) | {"model": "small"})

    with Lax() as server, pytest.raises(InputError, match="'small' answers in its place"):
        _ = endpoint(server, "bigger").capabilities


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refusal("Your organisation must be verified."), "must be verified"),
        (refusal("You exceeded your current quota.", 402), "current quota"),
        ((200, {}, b"<html><body>Login</body></html>"), "no JSON"),
        (json_reply({"detail": "Not now, please."}), "Not now, please."),
        (json_reply({"error": {"message": "GPU is on fire", "code": 500}}), "GPU is on fire"),
        (json_reply({"error": "GPU is on fire"}, 500), "GPU is on fire"),
        (json_reply({"object": "error", "message": "GPU is on fire", "code": 40303}), "GPU is on fire"),
        (refusal("no access to this model", 403), "no access to this model"),
    ],
)
def test_what_is_no_completion_is_one_sentence_with_the_servers_words(reply: Reply, said: str) -> None:
    class Wrong(ScriptedServer):
        def chat(self, asked: dict[str, Any]) -> Reply:
            return reply

    with Wrong() as server, pytest.raises(WbragError, match=said) as caught:
        _ = endpoint(server).capabilities
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
