"""The OpenAI-compatible wire format: request bodies out of requests, completions out of replies.

Servers differ in what they add to the common part. ``Dialect`` says what one of them was found to understand.
The routes are those of ``vllm serve`` (docs.vllm.ai, "OpenAI-Compatible Server"); the common part is OpenAI's own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wbrag_pipeline.generation.engine_protocol import Completion, Distribution, Finish, Message, Request
from wbrag_pipeline.generation.replicas import Refused
from wbrag_pipeline.generation.reply_body import Malformed, quoted
from wbrag_pipeline.generation.valid_values import valid_count, valid_list, valid_logprob, valid_text

_CHOICE_FIELD = "choice"
# What rounding may add to a distribution over all tokens of a vocabulary.
_SURPLUS = 1e-2
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
    completion: Completion = reading(lambda: _completion(reply, request, dialect))
    return completion


def _completion(reply: Any, request: Request, dialect: Dialect) -> Completion:
    choice = _only_choice(reply)
    message, reason = choice.get("message"), choice.get("finish_reason")
    if reason in ("error", "abort"):
        raise Malformed("the server broke the answer off")
    # What a server's filter cut off is as incomplete as what the token limit did.
    finish: Finish = "length" if reason in ("length", "content_filter") else "stop"
    text = message.get("content") if isinstance(message, dict) else None
    if text is None and reason == "length":
        text = ""  # a model that was still thinking when its tokens were used up
    if not isinstance(text, str):
        raise Malformed("no text")
    if request.choices and dialect.structured == "response_format":
        text = _chosen(text)
    tokens = _token_values(choice.get("logprobs"))
    usage = reply.get("usage")
    if usage is not None and not isinstance(usage, dict):
        raise Malformed("a usage that is none")
    counts = ((usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens"))
    made = Completion.from_json([text, tokens, *(0 if count is None else count for count in counts), finish])
    if request.logprobs is not None and dialect.logprobs is not None and text.strip() and not tokens:
        raise Malformed("no log-probabilities")
    # The end token, which some servers list, is no part of the text. vLLM says what stopped it: a stop string is one.
    listed = "".join(token.text for token in made.tokens[:-1]) == text
    if dialect.vllm:
        listed = not isinstance(choice.get("stop_reason"), str)
    return replace(made, tokens=made.tokens[:-1]) if finish == "stop" and listed else made


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
    """Token id → probability, from a reply to ``token_body``. Raises Malformed for what is no distribution."""

    def read() -> Distribution:
        (top,) = valid_list(_only_choice(reply)["logprobs"]["top_logprobs"], 1)
        return {_token_id(name): math.exp(valid_logprob(logprob)) for name, logprob in top.items()}

    found: Distribution = reading(read)
    if not found:
        raise Malformed("an empty distribution")
    if math.fsum(found.values()) > 1.0 + _SURPLUS:
        raise Malformed("probabilities that sum to more than 1")
    return found


@dataclass(frozen=True)
class ListedModel:
    """What a list of models tells of one: whether ``vllm serve`` runs it, and its context length where that is told."""

    vllm: bool = False
    context: int | None = None


def parse_models(reply: Any) -> dict[str, ListedModel]:
    """The models of a list, by id. Raises Malformed for another shape; what has no id is no model."""

    def read() -> dict[str, ListedModel]:
        entries = [entry for entry in valid_list(reply["data"]) if isinstance(entry, dict)]
        return {valid_text(entry["id"]): _listed_model(entry) for entry in entries if isinstance(entry.get("id"), str)}

    found: dict[str, ListedModel] = reading(read)
    return found


def _listed_model(entry: Mapping[str, Any]) -> ListedModel:
    try:
        context = valid_count(entry.get("max_model_len")) or None
    except ValueError:
        context = None
    return ListedModel(entry.get("owned_by") == "vllm", context)


def parse_token_ids(reply: Any) -> tuple[int, ...]:
    """The token ids in a reply of /tokenize. Raises Malformed for others."""
    found: tuple[int, ...] = reading(lambda: tuple(valid_count(token) for token in valid_list(reply["tokens"])))
    return found


def parse_token_count(reply: Any) -> int:
    """The number of tokens in a reply of /tokenize. Raises Malformed for others."""
    found: int = reading(lambda: valid_count(reply["count"]))
    return found


def parse_detokenized(reply: Any) -> str:
    """The text in a reply of /detokenize. Raises Malformed for others."""
    found: str = reading(lambda: valid_text(reply["prompt"]))
    return found


def parse_end_and_text(reply: Any) -> tuple[str, str]:
    """Why a reply to ``token_body`` ended, and its text. Raises Malformed for others."""

    def read() -> tuple[str, str]:
        choice = _only_choice(reply)
        return valid_text(choice["finish_reason"]), valid_text(choice["text"])

    found: tuple[str, str] = reading(read)
    return found


def is_too_long(refusal: Refused) -> bool:
    """Whether a refusal says that the prompt does not fit the context."""
    return refusal.status in (400, 413, 422) and bool(_TOO_LONG.search(refusal.message))


def reading(read: Callable[[], Any]) -> Any:
    """``read()``, with whatever a reply of another shape makes it raise turned into Malformed."""
    try:
        return read()
    except ValueError as error:
        raise Malformed(str(error)) from error
    except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Malformed(f"a reply of another shape: {type(error).__name__}") from error


def _only_choice(reply: Any) -> dict[str, Any]:
    if not isinstance(reply, dict):
        raise Malformed("no object")
    choices = reply.get("choices")
    if not choices and reply.get("error"):
        raise Malformed(f"an error in place of an answer: {quoted(json.dumps(reply['error']).encode())}")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Malformed(f"{len(choices) if isinstance(choices, list) else 'no'} choices for one request")
    if choices[0].get("error"):
        raise Malformed(f"an error in place of an answer: {quoted(json.dumps(choices[0]['error']).encode())}")
    return choices[0]


def _token_values(logprobs: Any) -> list[Any]:
    """The generated tokens as ``Completion.from_json`` takes them; none where there is no list of them."""
    if logprobs is None:
        return []
    content = logprobs.get("content")
    return [
        [
            item["token"],
            item["logprob"],
            [[other["token"], other["logprob"]] for other in item.get("top_logprobs") or ()],
        ]
        for item in ([] if content is None else valid_list(content))
    ]


def _token_id(name: str) -> int:
    written = name.removeprefix("token_id:")
    if not (written.isascii() and written.isdigit() and len(written) < 10):
        raise ValueError("a token's name in place of its id")
    return int(written)


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
        chosen = json.loads(text)[_CHOICE_FIELD]
    except (ValueError, LookupError, TypeError, RecursionError):
        return text
    return chosen if isinstance(chosen, str) else text
