"""Scripted servers that speak as real ones do: each refuses, or does otherwise, what one of them does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from tests.generation.scripted_server import Reply, ScriptedServer, echo, json_reply


def refusal(words: str, status: int = 400, **more: Any) -> Reply:
    return json_reply({"error": {"message": words, "type": "invalid_request_error", **more}}, status)


def message(asked: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A reply whose message has these fields; without any it is the plain answer."""
    told = {"content": echo(asked["messages"][-1]["content"])} | fields
    choice = {"index": 0, "message": {"role": "assistant", **told}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def cut(reply: dict[str, Any], tokens: int = 16) -> dict[str, Any]:
    reply["choices"][0]["finish_reason"] = "length"
    reply["usage"]["completion_tokens"] = tokens
    return reply


class NewerOpenAI(ScriptedServer):
    """Models that think unseen: another field for the limit, no temperature, no stop strings, no log-probabilities."""

    thought: ClassVar[int] = 200

    def chat(self, asked: dict[str, Any]) -> Reply:
        if "max_tokens" in asked:
            words = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead."
            )
            return refusal(words, param="max_tokens", code="unsupported_parameter")
        for field in ("temperature", "stop"):
            if field in asked:
                words = f"Unsupported value: '{field}' does not support 0 with this model."
                return refusal(words, param=field, code="unsupported_value")
        if "logprobs" in asked:
            return refusal("You are not allowed to request logprobs from this model", 403)
        if asked.get("reasoning_effort") == "none":
            words = "Unsupported value: 'reasoning_effort' does not support 'none' with this model."
            return refusal(words, param="reasoning_effort", code="unsupported_value")
        if unknown := {"chat_template_kwargs", "enable_thinking", "grammar", "structured_outputs"} & set(asked):
            return refusal(f"Unrecognized request argument supplied: {min(unknown)}")
        if asked["max_completion_tokens"] <= self.thought:
            return json_reply(cut(message(asked, content=""), asked["max_completion_tokens"]))
        reply = message(asked)
        reply["usage"] |= {"completion_tokens": 202, "completion_tokens_details": {"reasoning_tokens": self.thought}}
        return json_reply(reply)


class Mistral(ScriptedServer):
    """No seed, and a refusal in the words of a validator."""

    def chat(self, asked: dict[str, Any]) -> Reply:
        if extra := [name for name in ("seed", "logprobs", "grammar", "structured_outputs") if name in asked]:
            wrong = [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs"} for name in extra]
            return json_reply({"object": "error", "message": {"detail": wrong}}, 422)
        return super().chat(asked)


class NoSystemRole(ScriptedServer):
    """A template without a system role, whose exception is an internal error."""

    words = "Internal Server Error: jinja2.exceptions.TemplateError: System role not supported"

    def chat(self, asked: dict[str, Any]) -> Reply:
        if asked["messages"][0]["role"] == "system":
            return json_reply({"error": {"code": 500, "message": self.words}}, 500)
        return super().chat(asked)


class NoSystemRoleUnsaid(NoSystemRole):
    words = "Internal Server Error"


class PickyUnsaid(ScriptedServer):
    """Takes neither seed nor temperature, and does not say so."""

    def chat(self, asked: dict[str, Any]) -> Reply:
        return refusal("Bad request") if {"seed", "temperature"} & set(asked) else super().chat(asked)


class StreamOnly(ScriptedServer):
    options = True

    def chat(self, asked: dict[str, Any]) -> Reply:
        if not asked.get("stream"):
            return refusal("This model only support stream mode, please enable the stream parameter.")
        if "stream_options" in asked and not self.options:
            return refusal("Unknown parameter: 'stream_options'.", 422)
        return 200, {"Content_Type": "text/event-stream"}, self.events(asked)

    def events(self, asked: dict[str, Any]) -> bytes:
        whole = message(asked)
        text = whole["choices"][0]["message"]["content"]
        chunks: list[Any] = [{"choices": [{"delta": {"role": "assistant", "content": ""}}]}]
        chunks += [{"choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in text]
        chunks += [{"choices": [{"delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": whole["usage"]}]
        told = [f"data: {json.dumps(chunk)}" for chunk in chunks]
        return "\r\n\r\n".join([": ping", *told, "data: [DONE]", ""]).encode()


class StreamOnlyWithoutOptions(StreamOnly):
    options = False


class StreamAlways(StreamOnly):
    """Answers in a stream whatever is asked for."""

    def chat(self, asked: dict[str, Any]) -> Reply:
        return 200, {}, self.events(asked)


class Azure(ScriptedServer):
    """A path of its own, the version of the API behind a question mark, the key in a header of its own."""

    base = "/openai/deployments/tiny"

    @property
    def url(self) -> str:
        return super().url + "?api-version=2024-10-21"

    def other(self, path: str, asked: dict[str, Any]) -> Reply:
        return json_reply({"error": {"code": "404", "message": "Resource not found"}}, 404)


class LlamaCpp(ScriptedServer):
    """llama.cpp's server: another model's name does not matter, a beginning is gone on from and repeated.

    Its model speaks in words, which are its tokens: after a prompt comes "Paris", then the end.
    """

    words: ClassVar[list[str]] = ["<|end|>", "Paris", "Rome", " ", "is", "lin"]
    context = 2048

    def models(self) -> Reply:
        meta = {"n_ctx": self.context, "n_vocab": len(self.words)}
        return json_reply({"data": [{"id": "/models/tiny.gguf", "owned_by": "llamacpp", "meta": meta}]})

    def chat(self, asked: dict[str, Any]) -> Reply:
        last = asked["messages"][-1]
        if "grammar" in asked:
            return json_reply(message(asked, content=json.loads(asked["grammar"].rsplit(" | ", 1)[1])))
        begun = last["role"] == "assistant"
        reply = message(asked, content=f"{last['content']}is" if begun else "Paris")
        reply["usage"]["prompt_tokens"] = len(self._ids(self._templated(asked)))
        if asked.get("logprobs"):
            shown = [self._token(4 if begun else 1, asked.get("top_logprobs", 1)), self._token(0, 1)]
            reply["choices"][0]["logprobs"] = {"content": shown}
        return json_reply(reply)

    def other(self, path: str, asked: dict[str, Any]) -> Reply:
        if path == "/tokenize":
            return json_reply({"tokens": self._ids(asked.get("content", ""))})
        if path == "/detokenize":
            return json_reply({"content": "".join(self.words[i] for i in asked["tokens"] if i < len(self.words))})
        if path == "/apply-template":
            return json_reply({"prompt": self._templated(asked)})
        if path == "/props":
            return json_reply({"default_generation_settings": {"n_ctx": self.context}, "total_slots": 1})
        if path == "/v1/completions":
            return json_reply(self._next(asked))
        return super().other(path, asked)

    def _next(self, asked: dict[str, Any]) -> dict[str, Any]:
        forced = [int(token) for token in asked.get("logit_bias", {})]
        made = forced[0] if forced else 0 if asked["prompt"][-1] == 1 else 1
        text, finish = ("", "stop") if made == 0 else (self.words[made], "length")
        logprobs = {"content": [self._token(made, asked["logprobs"])]}
        return {"choices": [{"text": text, "finish_reason": finish, "logprobs": logprobs}], "usage": None}

    def _token(self, made: int, top: int) -> dict[str, Any]:
        order = [made, *(i for i in range(len(self.words)) if i != made)]
        chances = [0.0] * len(order) if len(order) == 1 else [-0.1, *[-3.9633] * (len(order) - 1)]
        shown = [
            {"id": i, "token": "" if i == 0 else self.words[i], "logprob": chance}
            for i, chance in list(zip(order, chances, strict=True))[:top]
        ]
        return {"id": made, "token": "" if made == 0 else self.words[made], "logprob": -0.1, "top_logprobs": shown}

    def _templated(self, asked: dict[str, Any]) -> str:
        turns = "".join(f"<{turn['role']}>{turn['content']}" for turn in asked["messages"])
        return turns if asked["messages"][-1]["role"] == "assistant" else f"{turns}<assistant>"

    def _ids(self, text: str) -> list[int]:
        return [self.words.index(text)] if text in self.words else [len(self.words) + len(w) for w in text.split()]


class Thinking(ScriptedServer):
    """A reasoning model. ``form`` makes a reply of a thought and an answer, the latter None where it was cut before it.

    quiet: the field by which it can be told not to think, where it can be told.
    """

    thought = "Okay, the user asks for something. Perhaps the answer is London? No."

    def __init__(self, form: Callable[[dict[str, Any], str, str | None], dict[str, Any]], quiet: str = "") -> None:
        super().__init__()
        self.form, self.quiet = form, quiet

    def chat(self, asked: dict[str, Any]) -> Reply:
        template = asked.get("chat_template_kwargs", {})
        told = template.get("enable_thinking") if self.quiet == "chat_template_kwargs" else asked.get(self.quiet)
        if told in (False, "none"):
            return super().chat(asked)
        answer = echo(asked["messages"][-1]["content"])
        if asked["max_tokens"] < 100:
            return json_reply(cut(self.form(asked, self.thought[: asked["max_tokens"]], None), asked["max_tokens"]))
        reply = self.form(asked, self.thought, answer)
        reply["usage"]["completion_tokens"] = 17
        return json_reply(reply)


def _inline(asked: dict[str, Any], thought: str, answer: str | None) -> dict[str, Any]:
    return message(asked, content=f"<think>\n{thought}" + ("" if answer is None else f"\n</think>\n\n{answer}"))


def _unopened(asked: dict[str, Any], thought: str, answer: str | None) -> dict[str, Any]:
    return message(asked, content=thought + ("" if answer is None else f"\n</think>\n\n{answer}"))


def _in_parts(asked: dict[str, Any], thought: str, answer: str | None) -> dict[str, Any]:
    parts: list[Any] = [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}]
    return message(asked, content=[*parts, *([] if answer is None else [{"type": "text", "text": answer}])])


FORMS: dict[str, Callable[[dict[str, Any], str, str | None], dict[str, Any]]] = {
    "inline": _inline,
    "unopened": _unopened,
    "reasoning_content": lambda asked, thought, answer: message(asked, content=answer, reasoning_content=thought),
    "reasoning": lambda asked, thought, answer: message(asked, content=answer or "", reasoning=thought),
    "parts": _in_parts,
    "unseen": lambda asked, thought, answer: message(asked, content=answer),
}
