"""The OpenAI-compatible wire format: request bodies out of requests, completions out of replies.

Servers differ in what they add to the common part. ``Dialect`` says what one of them was found to understand.
The routes are those of ``vllm serve`` (docs.vllm.ai, "OpenAI-Compatible Server"); the common part is OpenAI's own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wbrag_pipeline.generation.engine_protocol import Completion, Distribution, Finish, Message, Request, Token
from wbrag_pipeline.generation.replicas import Malformed, Refused

_CHOICE_FIELD = "choice"
# How servers say that a prompt does not fit: OpenAI and vLLM, llama.cpp, and others in the same words.
_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum (?:model|input) length|max_model_len|too (?:long|many tokens)"
    r"|longer than the",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """What an endpoint was found to understand.

    vllm: it is ``vllm serve`` and takes that server's own fields. system: system messages are taken as such.
    logprobs: as in ``Capabilities``. structured: the field that holds answers to choices, or "".
    token_prompts: prompts of token ids, /tokenize and token ids in answers. whole: and whole distributions.
    """

    vllm: bool = False
    system: bool = True
    logprobs: int | None = None
    structured: str = ""
    token_prompts: bool = False
    whole: bool = False


def chat_body(model: str, request: Request, dialect: Dialect, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The body of one chat completion."""
    body: dict[str, Any] = {
        "model": model,
        "messages": chat_messages(request, dialect.system),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        **extra,
    }
    if request.stop:
        body["stop"] = list(request.stop)
    if request.logprobs is not None and dialect.logprobs is not None:
        body["logprobs"] = True
        if top := min(request.logprobs, dialect.logprobs):
            body["top_logprobs"] = top
    if request.choices and dialect.structured == "structured_outputs":
        body["structured_outputs"] = {"choice": list(request.choices)}
    elif request.choices and dialect.structured == "response_format":
        body["response_format"] = _choice_schema(request.choices)
    if dialect.vllm:
        # The model's own generation_config would otherwise set these, and not in the in-process engine.
        body |= {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
        if request.prefix:
            body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body


def chat_messages(request: Request, system: bool = True) -> list[dict[str, str]]:
    """The turns as JSON; where there is no system role, its text opens the first user turn."""
    turns = list(request.messages)
    if not system and len(turns) > 1 and turns[0].role == "system":
        turns[:2] = [Message("user", f"{turns[0].content}\n\n{turns[1].content}")]
    if request.prefix:
        turns.append(Message("assistant", request.prefix))
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def parse_chat(reply: Any, request: Request, dialect: Dialect) -> Completion:
    """The completion in a reply. Raises Malformed for anything that is not exactly one well-formed choice."""
    choice = _only_choice(reply)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    reason = choice.get("finish_reason")
    # What a server's filter cut off is as incomplete as what the token limit did.
    finish: Finish = "length" if reason in ("length", "content_filter") else "stop"
    if text is None and reason == "length":
        text = ""  # a model that was still thinking when its tokens were used up
    if not isinstance(text, str):
        raise Malformed("no text")
    if request.choices and dialect.structured == "response_format":
        text = _chosen(text)
    logprobs = choice.get("logprobs")
    tokens = _tokens(logprobs.get("content")) if isinstance(logprobs, dict) else ()
    usage = reply.get("usage") or {}
    # The end token, which some servers list, is no part of the text. vLLM says what stopped it: a stop string is one.
    listed = "".join(token.text for token in tokens[:-1]) == text
    if dialect.vllm:
        listed = not isinstance(choice.get("stop_reason"), str)
    if finish == "stop" and listed:
        tokens = tokens[:-1]
    return Completion(text, tokens, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), finish)


def token_body(model: str, prompt: Sequence[int], top: int) -> dict[str, Any]:
    """The body that asks for one distribution after a prompt of token ids."""
    return {
        "model": model,
        "prompt": list(prompt),
        "max_tokens": 1,
        "temperature": 0.0,
        "logprobs": top,
        "return_tokens_as_token_ids": True,
    }


def parse_distribution(reply: Any) -> Distribution:
    """Token id → probability, from a reply to ``token_body``."""

    def read() -> Distribution:
        (top,) = _only_choice(reply)["logprobs"]["top_logprobs"]
        return {int(name.removeprefix("token_id:")): math.exp(logprob) for name, logprob in top.items()}

    found: Distribution = reading(read)
    if not found:
        raise Malformed("an empty distribution")
    return found


def is_too_long(refusal: Refused) -> bool:
    """Whether a refusal says that the prompt does not fit the context."""
    return refusal.status in (400, 413, 422) and bool(_TOO_LONG.search(refusal.message))


def reading(read: Callable[[], Any]) -> Any:
    """``read()``, with whatever a reply of another shape makes it raise turned into Malformed."""
    try:
        return read()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Malformed(f"a reply of another shape: {type(error).__name__}") from error


def _only_choice(reply: Any) -> dict[str, Any]:
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Malformed(f"{len(choices) if isinstance(choices, list) else 'no'} choices for one request")
    return choices[0]


def _count(usage: Any, name: str) -> int:
    value = usage.get(name, 0) if isinstance(usage, dict) else None
    if not isinstance(value, int) or value < 0:
        raise Malformed(f"{name} is no count")
    return value


def _tokens(content: Any) -> tuple[Token, ...]:
    def read() -> tuple[Token, ...]:
        return tuple(
            Token(
                item["token"],
                float(item["logprob"]),
                tuple((other["token"], float(other["logprob"])) for other in item.get("top_logprobs") or ()),
            )
            for item in content or ()
        )

    found: tuple[Token, ...] = reading(read)
    return found


def _choice_schema(choices: Sequence[str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {_CHOICE_FIELD: {"type": "string", "enum": list(choices)}},
        "required": [_CHOICE_FIELD],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "choice", "strict": True, "schema": schema}}


def _chosen(text: str) -> str:
    """The choice in a JSON answer; an answer that was cut, or is none, stays as it is."""
    try:
        return str(json.loads(text)[_CHOICE_FIELD])
    except (ValueError, KeyError, TypeError):
        return text
