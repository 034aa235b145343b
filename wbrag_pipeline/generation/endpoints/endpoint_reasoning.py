"""Whether a model behind an endpoint thinks before it answers, and how it is kept from it or given room for it."""

from __future__ import annotations

from dataclasses import replace

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.endpoints.endpoint_probes import PROBE, Heard, Prober
from wbrag_pipeline.generation.endpoints.openai_dialect import WAYS_TO_BE_QUIET, Dialect

# Fields of a body by which people say themselves how much a model is to think.
_TOLD_BY_HAND = ("enable_thinking", "reasoning_effort", "reasoning", "thinking", "think", "thinking_budget")
# Tokens after which a thought about a fruit is expected to be over, or a plain answer to be no thought.
_LONG = 512


def with_reasoning(prober: Prober, dialect: Dialect, first: Heard, room: int) -> tuple[Dialect, list[str]]:
    """The dialect in which the model answers at once, or gets ``room`` tokens to think first; and what is told of it.

    first: the reply to a plain request. Whoever says by hand how much the model is to think is left alone. Raises
    InputError where it cannot be kept from thinking and has no room, or too little.
    """
    signs, long = first.signs, replace(PROBE, max_tokens=PROBE.max_tokens + max(room, _LONG))
    if first.completion.finish_reason == "length" and not signs.thinks:
        # It may have been cut in a thought that its template opened: only the end would show that.
        heard = prober.chat(replace(long, max_tokens=_LONG), dialect)
        signs = heard.signs if isinstance(heard, Heard) else signs
    if not signs.thinks:
        return dialect, []
    probe = long if signs.opened else PROBE
    for fields in () if _by_hand(prober) else WAYS_TO_BE_QUIET:
        quiet = replace(dialect, quiet=fields)
        heard = prober.chat(probe, quiet)
        if isinstance(heard, Heard) and heard.completion.final and not heard.signs.thinks:
            return quiet, [f"is a reasoning model, and is told not to think by {_shown(fields)}"]
    if room == 0:
        raise InputError(
            f"{prober.name} thinks before it answers and cannot be told not to",
            field="reasoning_tokens",
            hint="give it room, such as --reasoning-tokens 2048",
        )
    thinking = replace(dialect, thought=room, opened=signs.opened)
    heard = prober.chat(PROBE, thinking)
    if not isinstance(heard, Heard) or not heard.completion.final:
        raise InputError(
            f"{prober.name} thinks before it answers, and {room:,} tokens are too few for that: asked for the name of "
            "a fruit it gave none",
            field="reasoning_tokens",
            hint=f"give it more room, such as --reasoning-tokens {4 * room}",
        )
    return thinking, [f"is a reasoning model; it may think {room:,} tokens before each answer"]


def _by_hand(prober: Prober) -> bool:
    template = prober.extra.get("chat_template_kwargs")
    return any(name in fields for fields in (prober.extra, template or {}) for name in _TOLD_BY_HAND)


def _shown(fields: object) -> str:
    return str(fields).replace("'", '"').replace("False", "false")
