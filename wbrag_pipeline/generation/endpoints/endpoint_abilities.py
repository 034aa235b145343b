"""What an endpoint can do beside plain text, each ability tried by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wbrag_pipeline.generation.endpoints.endpoint_probes import PROBE, Prober
from wbrag_pipeline.generation.endpoints.openai_dialect import WAYS_TO_CONTINUE, Dialect, with_arguments
from wbrag_pipeline.generation.endpoints.openai_format import chat_messages
from wbrag_pipeline.generation.endpoints.openai_routes import (
    ListedModel,
    parse_context,
    parse_distribution,
    parse_templated,
    parse_token_ids,
    token_body,
    tokenize_body,
)
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request

# Two answers that no model gives by itself.
_ODD = ("kiwi seven", "plum three")
# Beginnings that end in the middle of a word: a turn that begins anew does not go on with the rest of it.
_BEGUN = (
    ("France", "A fruit is the banana, and the capital of France is Par", "is"),
    ("Germany", "A fruit is the banana, and the capital of Germany is Ber", "lin"),
)


def with_abilities(
    prober: Prober, dialect: Dialect, listed: ListedModel, prompt_tokens: int
) -> tuple[Dialect, int | None]:
    """The dialect with all that was found, and the context length where only another route tells it.

    prompt_tokens: of the plain probe, as the server counts them; 0 where it does not.
    """
    dialect = _with_logprobs(prober, dialect)
    for structured in ("structured_outputs", "grammar", "response_format"):
        tried = replace(dialect, structured=structured)
        made = prober.completion(replace(PROBE, choices=_ODD, max_tokens=32), tried)
        if made is not None and made.text in _ODD:
            dialect = tried
            break
    some: tuple[int, ...] = ()
    for field in ("prompt", "content"):
        ids = prober.ask("//tokenize", tokenize_body(prober.model, "a b", field), parse_token_ids)
        if isinstance(ids, tuple) and ids:
            dialect, some = replace(dialect, tokenize=field), ids
            break
    if dialect.tokenize == "content":
        dialect = replace(dialect, templates=bool(templated(prober, dialect, PROBE)))
    if dialect.thought:  # a beginning, or a next token, would come before the thought
        return replace(dialect, continues=""), None
    if not dialect.continues:
        dialect = _with_beginnings(prober, dialect)
    if dialect.templates:
        some = _tokens_of_chat(prober, dialect, prompt_tokens)
    if some and (dialect.vllm or dialect.templates):
        dialect = _with_token_prompts(prober, dialect, some, -1 if dialect.vllm else listed.vocabulary)
    return dialect, _context(prober, dialect)


def templated(prober: Prober, dialect: Dialect, request: Request) -> str:
    """The prompt's text as llama.cpp's template makes it; "" where that cannot be had."""
    body = with_arguments({"messages": chat_messages(request, dialect.system)}, dialect, prober.extra)
    text = prober.ask("//apply-template", body, parse_templated)
    return text if isinstance(text, str) else ""


def _with_logprobs(prober: Prober, dialect: Dialect) -> Dialect:
    for top in (20, 5, 0):
        tried = replace(dialect, logprobs=top)
        made = prober.completion(replace(PROBE, logprobs=top), tried)
        if made is not None and made.tokens and (top == 0 or made.tokens[0].top):
            return tried
    return dialect


def _with_beginnings(prober: Prober, dialect: Dialect) -> Dialect:
    """The dialect with the way in which a given beginning is gone on from, if there is one."""
    prefix = _BEGUN[0][1]
    sure = dialect.templates and templated(prober, dialect, replace(PROBE, prefix=prefix)).endswith(prefix)
    for way in WAYS_TO_CONTINUE:
        tried = replace(dialect, continues=way)
        made = [_go_on(prober, tried, country, begun) for country, begun, _ in _BEGUN]
        texts = [one.text for one in made if one is not None]
        if len(texts) < len(made):
            continue
        repeats = all(text.startswith(begun) for text, (_, begun, _) in zip(texts, _BEGUN, strict=True))
        rests = [text[len(begun) * repeats :] for text, (_, begun, _) in zip(texts, _BEGUN, strict=True)]
        if sure or all(rest.startswith(end) for rest, (_, _, end) in zip(rests, _BEGUN, strict=True)):
            return replace(tried, repeats=repeats)
    return dialect


def _go_on(prober: Prober, dialect: Dialect, country: str, begun: str) -> Completion | None:
    messages = (Message("user", f"Name a fruit and the capital of {country}."),)
    return prober.completion(Request(messages, 8, prefix=begun), dialect)


def _tokens_of_chat(prober: Prober, dialect: Dialect, prompt_tokens: int) -> tuple[int, ...]:
    """The plain probe's tokens, made of the template's text; () where that is not what the model gets in a chat."""
    body = tokenize_body(prober.model, templated(prober, dialect, PROBE), dialect.tokenize, special=True)
    ids = prober.ask("//tokenize", body, parse_token_ids)
    return ids if isinstance(ids, tuple) and prompt_tokens in (0, len(ids)) else ()


def _with_token_prompts(prober: Prober, dialect: Dialect, ids: tuple[int, ...], every: int | None) -> Dialect:
    """``every``: the ``top`` that asks for a whole distribution, where there is one."""
    one = prober.ask("/completions", token_body(prober.model, ids, 1), parse_distribution)
    if not isinstance(one, Mapping):
        return dialect
    all_ = prober.ask("/completions", token_body(prober.model, ids, every), parse_distribution) if every else None
    whole = every if isinstance(all_, Mapping) and sum(all_.values()) > 1.0 - 1e-3 else None
    return replace(dialect, token_prompts=True, whole=whole)


def _context(prober: Prober, dialect: Dialect) -> int | None:
    """The context of one of llama.cpp's slots, which share what its list of models tells."""
    if not dialect.templates:
        return None
    told = prober.ask("//props", None, parse_context)
    return told if isinstance(told, int) else None
