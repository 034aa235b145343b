"""What an OpenAI-compatible endpoint can do, found out by asking it.

A server that does not know a field may refuse it or say nothing and leave it aside, so each ability is tried and its
effect is looked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.engine_protocol import NEEDED_BY, Capabilities, Completion, Message, Request
from wbrag_pipeline.generation.openai_format import (
    Dialect,
    ListedModel,
    chat_body,
    is_too_long,
    parse_chat,
    parse_distribution,
    parse_models,
    parse_token_ids,
    token_body,
)
from wbrag_pipeline.generation.replicas import Refused, Replicas, Unanswered

Told = TypeVar("Told")

_log = logging.getLogger(__name__)
# Two answers that no model gives by itself.
_ODD = ("kiwi seven", "plum three")
_PROBE = Request((Message("system", "Be brief."), Message("user", "Name a fruit.")), max_tokens=16)


class Asker:
    """Sends single requests to an endpoint."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas

    def ask(self, path: str, body: Any, read: Callable[[Any], Told]) -> Told | Refused | Unanswered:
        """What ``read`` makes of the reply, or the Refused or Unanswered that came instead of it."""
        outcomes: list[Told | Refused | Unanswered] = []
        self._replicas.send(
            1, lambda _: (path, body), lambda _, reply: read(reply), lambda _, outcome: outcomes.append(outcome)
        )
        return outcomes[0]

    def chat(
        self, model: str, request: Request, dialect: Dialect, extra: Mapping[str, Any]
    ) -> Completion | Refused | Unanswered:
        """The completion of one request in that dialect, also one that lacks log-probabilities."""
        body, without = chat_body(model, request, dialect, extra), replace(dialect, logprobs=None)
        return self.ask("/chat/completions", body, lambda reply: parse_chat(reply, request, without))


def find_out(name: str, model: str, replicas: Replicas, extra: Mapping[str, Any]) -> tuple[Dialect, int | None]:
    """The endpoint's dialect, and its context length in tokens where it says so.

    A probe whose reply cannot be used is as one that was refused: the ability is not there. Raises WbragError where
    nothing answers, InputError where the endpoint does not serve ``model``.
    """
    asker = Asker(replicas)
    listed = _listed(asker.ask("/models", None, parse_models), name, model)
    dialect = Dialect(vllm=listed.vllm)
    dialect = _with_chat(asker, name, model, dialect, extra)
    for top in (20, 5, 0):
        tried = replace(dialect, logprobs=top)
        if _has_logprobs(asker.chat(model, replace(_PROBE, logprobs=top), tried, extra), alternatives=top > 0):
            dialect = tried
            break
    for structured in ("structured_outputs", "response_format"):
        tried = replace(dialect, structured=structured)
        made = asker.chat(model, replace(_PROBE, choices=_ODD, max_tokens=32), tried, extra)
        if isinstance(made, Completion) and made.text in _ODD:
            dialect = tried
            break
    if dialect.vllm:
        ids = asker.ask("//tokenize", {"model": model, "prompt": "a b"}, parse_token_ids)
        if isinstance(ids, tuple) and ids:
            one, all_ = (asker.ask("/completions", token_body(model, ids, top), parse_distribution) for top in (1, -1))
            found = not isinstance(one, Exception)
            whole = found and not isinstance(all_, Exception) and sum(all_.values()) > 1.0 - 1e-3
            dialect = replace(dialect, token_prompts=found, whole=whole)
    return dialect, listed.context


def capabilities_of(dialect: Dialect) -> Capabilities:
    """The dialect as the engine protocol has it."""
    return Capabilities(dialect.logprobs, bool(dialect.structured), dialect.vllm, dialect.token_prompts)


def say_what_is_lacking(name: str, found: Capabilities) -> None:
    """One warning a missing ability, with the methods that need it."""
    for field, (what, who) in NEEDED_BY.items():
        if found.lacks(field):
            _log.warning("%s offers no %s; %s", name, what, who)


def _listed(entries: Mapping[str, ListedModel] | Refused | Unanswered, name: str, model: str) -> ListedModel:
    """The model's entry in the endpoint's list; one that tells nothing where the endpoint has no such list."""
    if isinstance(entries, Unanswered):
        raise WbragError(f"{name} does not answer: {entries}; is the server running? (for example: vllm serve {model})")
    if isinstance(entries, Refused):
        return ListedModel()
    if entries and model not in entries:
        # Ollama lists `name:latest` and answers to `name`; a list may also be one page of several.
        near = [known for known in entries if known.partition(":")[0] == model.partition(":")[0]]
        if len(entries) == 1 and not near:
            raise InputError(f"{name} serves {next(iter(entries))!r} and not {model!r}", field="generator")
        return entries[near[0]] if near else ListedModel()
    return entries.get(model, ListedModel())


def _with_chat(asker: Asker, name: str, model: str, dialect: Dialect, extra: Mapping[str, Any]) -> Dialect:
    """The dialect, with or without system messages; raises where no chat completion can be had at all."""
    problem: Exception | None = None
    for system in (True, False):
        tried = replace(dialect, system=system)
        made = asker.chat(model, _PROBE, tried, extra)
        if isinstance(made, Completion):
            return tried
        problem = problem or made
        if isinstance(made, Unanswered):
            break
    if isinstance(problem, Refused) and not is_too_long(problem):
        raise InputError(f"{name} refuses a chat completion ({problem})", field="generator")
    raise WbragError(f"{name} gives no chat completion: {problem}")


def _has_logprobs(made: Completion | Refused | Unanswered, *, alternatives: bool) -> bool:
    if not isinstance(made, Completion) or not made.tokens:
        return False
    return not alternatives or bool(made.tokens[0].top)
