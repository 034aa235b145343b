"""What an OpenAI-compatible endpoint is and can do, found out by asking it.

A server that does not know a field may refuse it or say nothing and leave it aside, so each ability is tried and its
effect is looked for.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from wbrag_pipeline.errors import EndpointError, InputError
from wbrag_pipeline.generation.endpoints.endpoint_abilities import with_abilities
from wbrag_pipeline.generation.endpoints.endpoint_address import with_version
from wbrag_pipeline.generation.endpoints.endpoint_probes import PROBE, Heard, Prober
from wbrag_pipeline.generation.endpoints.endpoint_reasoning import with_reasoning
from wbrag_pipeline.generation.endpoints.openai_dialect import ADJUSTMENTS, Dialect, adjusted
from wbrag_pipeline.generation.endpoints.openai_routes import ListedModel, parse_models
from wbrag_pipeline.generation.endpoints.refusals import KeyRefused, Refused, Unanswered
from wbrag_pipeline.generation.endpoints.replicas import Replicas
from wbrag_pipeline.generation.engine_protocol import NEEDED_BY, Capabilities

_log = logging.getLogger(__name__)
# What a refusal of a part of a request looks like; others are of the address, the model, the key or the quota.
_OF_A_PART = (400, 406, 415, 422, 500, 501)
_NAMES_SHOWN = 12


@dataclass(frozen=True)
class Discovery:
    """What was found out.

    model: the name by which the endpoint knows the model. context: its length in tokens where that is told.
    told: what is otherwise than with most endpoints, a sentence each.
    """

    dialect: Dialect
    model: str
    context: int | None = None
    told: tuple[str, ...] = field(default=())


def find_out(
    name: str, model: str, revision: str, replicas: Replicas, extra: Mapping[str, Any], reasoning_tokens: int
) -> Discovery:
    """Ask the endpoint for its models, for one plain answer, and then for each ability by itself.

    A probe whose reply cannot be used is as one that was refused: the ability is not there. Raises EndpointError where
    nothing answers, InputError where the endpoint does not serve the model.
    """
    told = _located(replicas, model)
    prober = Prober(name, replicas, extra)
    entries = _entries(prober, model)
    prober.model = _known_name(name, entries, model, revision)
    listed = entries.get(_listed_as(entries, prober.model) or "", ListedModel())
    dialect = Dialect(vllm=listed.vllm, continues="flags" if listed.vllm else "")
    dialect, heard, more = _settled(prober, dialect, entries, [prober.model, *([model] if revision else [])])
    told += more
    _check_who_answers(name, prober.model, entries, heard)
    dialect, more = with_reasoning(prober, dialect, heard, reasoning_tokens)
    told += more
    dialect, context = with_abilities(prober, dialect, listed, heard.completion.prompt_tokens)
    if listed.context and context:
        context = min(context, listed.context)
    return Discovery(dialect, prober.model, context or listed.context, tuple(told))


def say_what_is_lacking(name: str, found: Capabilities) -> None:
    """One warning a missing ability, with the methods that need it."""
    for ability, (what, who) in NEEDED_BY.items():
        if found.lacks(ability):
            _log.warning("%s offers no %s; %s", name, what, who)


def _located(replicas: Replicas, model: str) -> list[str]:
    """Let an address without ``/v1`` have it where the API is there: told by the list of models, else by an answer.

    ``/v1`` comes first: llama.cpp has routes of another shape at the address itself.
    """
    places: dict[str, str] = {}
    chat = {"model": model, "messages": [{"role": "user", "content": "Name a fruit."}], "max_tokens": 1}
    for url in replicas.urls:
        both = list(dict.fromkeys((with_version(url), url)))
        for path, body in (("/models", None), ("/chat/completions", chat)) if len(both) > 1 else ():
            there = [place for place in both if url not in places and _is_there(replicas, place, path, body)]
            places |= {url: there[0]} if there else {}
    moved = any(url != place for url, place in places.items())
    if moved:  # one that is down is where the others are
        replicas.move([places.get(url, with_version(url)) for url in replicas.urls])
    return ["has its API at /v1, which the address left out"] if moved else []


def _is_there(replicas: Replicas, place: str, path: str, body: Any) -> bool:
    """Whether the API has this route there, whatever it says to the request."""
    alone = Replicas([place], replace(replicas.policy, tries=1), replicas.transport)
    try:
        outcome = Prober(place, alone, {}).ask(path, body, parse_models if body is None else lambda reply: reply)
    except KeyRefused:
        return True
    finally:
        replicas.attempts += alone.attempts
    if isinstance(outcome, Unanswered):
        return outcome.status not in (0, 200)
    return not isinstance(outcome, Refused) or not (300 <= outcome.status < 400 or outcome.status in (404, 405))


def _entries(prober: Prober, model: str) -> Mapping[str, ListedModel]:
    """The endpoint's list of models; empty where it has none."""
    entries = prober.ask("/models", None, parse_models)
    if isinstance(entries, Unanswered) and entries.status != 200:
        hint = f"is the server running? (for example: vllm serve {model})"
        raise EndpointError(f"{prober.name} does not answer: {entries}; {hint}")
    return entries if isinstance(entries, Mapping) else {}


def _known_name(name: str, entries: Mapping[str, ListedModel], model: str, revision: str) -> str:
    """The model's name as the endpoint has it. What stands behind an @ may be a part of it, or a revision.

    Raises InputError where the endpoint lists one model, and it is another.
    """
    whole = f"{model}@{revision}" if revision else model
    for candidate in dict.fromkeys((whole, model)):
        if _listed_as(entries, candidate):
            return candidate
    if len(entries) == 1:
        raise InputError(f"{name} serves {next(iter(entries))!r} and not {model!r}", field="generator")
    return whole


def _listed_as(entries: Iterable[str], model: str) -> str | None:
    """The entry that stands for ``model``: itself, or what Ollama, Gemini and llama.cpp make of a name."""
    wanted = model.casefold()
    for entry in entries:
        known = entry.casefold()
        file = PurePosixPath(known.replace("\\", "/"))
        if wanted in (known, known.removesuffix(":latest"), known.removeprefix("models/"), file.name):
            return entry
        if file.suffix == ".gguf" and wanted == file.stem:
            return entry
    return None


def _settled(
    prober: Prober, dialect: Dialect, entries: Mapping[str, ListedModel], names: list[str]
) -> tuple[Dialect, Heard, list[str]]:
    """The dialect in which a plain request is answered, the reply, and what it took; raises where there is none."""
    told: list[str] = []
    request = replace(PROBE, stop=("\n\n\n\n",))
    outcome = prober.chat(request, dialect)
    if isinstance(outcome, Refused) and len(names) > 1 and _of_the_model(outcome, dialect):
        first, prober.model = outcome, names[1]
        outcome = prober.chat(request, dialect)
        if isinstance(outcome, Refused) and outcome.status == 404:
            outcome, prober.model = first, names[0]
    problem = outcome
    # As long as the server says what it does not take.
    while isinstance(outcome, Refused) and not outcome.too_long and outcome.status in _OF_A_PART:
        better = adjusted(dialect, outcome.message)
        if better is None:
            break
        dialect, adjustment = better
        told.append(adjustment.told)
        outcome = prober.chat(request, dialect)
    if not isinstance(outcome, Heard) and _of_a_part(outcome):
        found = _by_trial(prober, dialect)
        if found:
            dialect, outcome, more = found
            told += more
    if isinstance(outcome, Heard):
        prober.settled = True
        return dialect, outcome, told
    if isinstance(problem, Refused) and not problem.too_long:
        hint = _names(entries, prober.model)
        raise InputError(f"{prober.name} refuses a chat completion ({problem})", field="generator", hint=hint)
    raise EndpointError(f"{prober.name} gives no chat completion: {problem}")


def _of_the_model(refusal: Refused, dialect: Dialect) -> bool:
    """Whether a refusal may be one of the model's name."""
    unexplained = not refusal.too_long and adjusted(dialect, refusal.message) is None
    return refusal.status == 404 or (unexplained and "model" in refusal.message.lower())


def _of_a_part(outcome: Heard | Refused | Unanswered) -> bool:
    if isinstance(outcome, Refused):
        return not outcome.too_long and outcome.status in _OF_A_PART
    return isinstance(outcome, Unanswered) and outcome.status in (200, 500, 501)


def _by_trial(prober: Prober, dialect: Dialect) -> tuple[Dialect, Heard, list[str]] | None:
    """What makes a server answer that does not say what it refuses: one change if that is enough, else several.

    Of several, those are taken back that are not needed.
    """
    request = replace(PROBE, stop=("\n\n\n\n",))
    prober.settled = True  # it is known by now that it breaks down: no further request is waited for
    try:
        changes = [a for a in ADJUSTMENTS if a.change(dialect) != dialect and a.change(dialect).quiet == dialect.quiet]
        for change in changes:
            heard = prober.chat(request, tried := change.change(dialect))
            if isinstance(heard, Heard):
                return tried, heard, [change.told]
        needed = list(changes)
        if not isinstance(heard := prober.chat(request, _all(dialect, needed)), Heard):
            return None
        for change in changes:
            fewer = [one for one in needed if one is not change]
            if isinstance(again := prober.chat(request, _all(dialect, fewer)), Heard):
                needed, heard = fewer, again
        return _all(dialect, needed), heard, [change.told for change in needed]
    finally:
        prober.settled = False


def _all(dialect: Dialect, changes: Iterable[Any]) -> Dialect:
    for change in changes:
        dialect = change.change(dialect)
    return dialect


def _check_who_answers(name: str, model: str, entries: Mapping[str, ListedModel], heard: Heard) -> None:
    """Raise InputError where a model that is not listed is asked for, and another one answers in its place."""
    answered = heard.signs.model
    if entries and not _listed_as(entries, model) and answered in entries:
        hint = _names(entries, model)
        raise InputError(
            f"{name} has no model {model!r}; {answered!r} answers in its place", field="generator", hint=hint
        )


def _names(entries: Mapping[str, ListedModel], model: str) -> str:
    """The endpoint's models, the likest first; "" where it lists none, or this one."""
    if not entries or _listed_as(entries, model):
        return ""
    near = sorted(entries, key=lambda known: -difflib.SequenceMatcher(None, model.casefold(), known.casefold()).ratio())
    more = f", and {len(near) - _NAMES_SHOWN:,} more" if len(near) > _NAMES_SHOWN else ""
    return f"it has no model {model!r}; it has {', '.join(near[:_NAMES_SHOWN])}{more}"
