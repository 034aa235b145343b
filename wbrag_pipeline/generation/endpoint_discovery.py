"""What an OpenAI-compatible endpoint can do, found out by asking it.

A server that does not know a field may refuse it or say nothing and leave it aside, so each ability is tried and its
effect is looked for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.engine_protocol import NEEDED_BY, Capabilities, Message, Request
from wbrag_pipeline.generation.openai_format import (
    Dialect,
    chat_body,
    is_too_long,
    parse_chat,
    parse_distribution,
    token_body,
)
from wbrag_pipeline.generation.replicas import Refused, Replicas, Unanswered

_log = logging.getLogger(__name__)
# Two answers that no model gives by itself.
_ODD = ("kiwi seven", "plum three")
_PROBE = Request((Message("system", "Be brief."), Message("user", "Name a fruit.")), max_tokens=16)


class Asker:
    """Sends single requests to an endpoint."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas

    def ask(self, path: str, body: Any) -> Any:
        """The reply's JSON, or the Refused or Unanswered that came instead of it."""
        outcomes: list[Any] = []
        self._replicas.send(
            1, lambda _: (path, body), lambda _, reply: reply, lambda _, outcome: outcomes.append(outcome)
        )
        return outcomes[0]


def find_out(name: str, model: str, replicas: Replicas, extra: Mapping[str, Any]) -> tuple[Dialect, int | None]:
    """The endpoint's dialect, and its context length in tokens where it says so.

    Raises WbragError where nothing answers, InputError where the endpoint does not serve ``model``.
    """
    asker = Asker(replicas)
    listed = _listed(asker.ask("/models", None), name, model)
    dialect = Dialect(vllm=listed.get("owned_by") == "vllm")
    dialect = _with_chat(asker, name, model, dialect, extra)
    for top in (20, 5, 0):
        tried = replace(dialect, logprobs=top)
        reply = asker.ask("/chat/completions", chat_body(model, replace(_PROBE, logprobs=top), tried, extra))
        if _has_logprobs(reply, tried, alternatives=top > 0):
            dialect = tried
            break
    for structured in ("structured_outputs", "response_format"):
        tried = replace(dialect, structured=structured)
        request = replace(_PROBE, choices=_ODD, max_tokens=32)
        reply = asker.ask("/chat/completions", chat_body(model, request, tried, extra))
        if not isinstance(reply, Exception) and parse_chat(reply, request, tried).text in _ODD:
            dialect = tried
            break
    if dialect.vllm:
        prompt = asker.ask("//tokenize", {"model": model, "prompt": "a b"})
        ids = (prompt.get("tokens") if isinstance(prompt, dict) else None) or []
        token_prompts = bool(ids) and not isinstance(asker.ask("/completions", token_body(model, ids, 1)), Exception)
        whole = token_prompts and _is_distribution(asker.ask("/completions", token_body(model, ids, -1)))
        dialect = replace(dialect, token_prompts=token_prompts, whole=whole)
    length = listed.get("max_model_len")
    return dialect, length if isinstance(length, int) else None


def capabilities_of(dialect: Dialect) -> Capabilities:
    """The dialect as the engine protocol has it."""
    return Capabilities(dialect.logprobs, bool(dialect.structured), dialect.vllm, dialect.token_prompts)


def say_what_is_lacking(name: str, found: Capabilities) -> None:
    """One warning a missing ability, with the methods that need it."""
    for field, (what, who) in NEEDED_BY.items():
        if found.lacks(field):
            _log.warning("%s offers no %s; %s", name, what, who)


def _listed(reply: Any, name: str, model: str) -> dict[str, Any]:
    """The model's entry in the endpoint's list; {} where the endpoint has no such list."""
    if isinstance(reply, Unanswered):
        raise WbragError(f"{name} does not answer: {reply}; is the server running? (for example: vllm serve {model})")
    data = reply.get("data") if isinstance(reply, dict) else None
    entries = {entry["id"]: entry for entry in data or () if isinstance(entry, dict) and "id" in entry}
    if entries and model not in entries:
        # Ollama lists `name:latest` and answers to `name`; a list may also be one page of several.
        near = [known for known in entries if known.partition(":")[0] == model.partition(":")[0]]
        if len(entries) == 1 and not near:
            raise InputError(f"{name} serves {next(iter(entries))!r} and not {model!r}", field="generator")
        return entries[near[0]] if near else {}
    return entries.get(model, {})


def _with_chat(asker: Asker, name: str, model: str, dialect: Dialect, extra: Mapping[str, Any]) -> Dialect:
    """The dialect, with or without system messages; raises where no chat completion can be had at all."""
    problem: Exception | None = None
    for system in (True, False):
        tried = replace(dialect, system=system)
        reply = asker.ask("/chat/completions", chat_body(model, _PROBE, tried, extra))
        if not isinstance(reply, Exception):
            return tried
        problem = problem or reply
        if isinstance(reply, Unanswered):
            break
    if isinstance(problem, Refused) and not is_too_long(problem):
        raise InputError(f"{name} refuses a chat completion ({problem})", field="generator")
    raise WbragError(f"{name} gives no chat completion: {problem}")


def _has_logprobs(reply: Any, dialect: Dialect, *, alternatives: bool) -> bool:
    if isinstance(reply, Exception):
        return False
    tokens = parse_chat(reply, _PROBE, dialect).tokens
    return bool(tokens) and (not alternatives or bool(tokens[0].top))


def _is_distribution(reply: Any) -> bool:
    if isinstance(reply, Exception):
        return False
    return sum(parse_distribution(reply).values()) > 1.0 - 1e-3
