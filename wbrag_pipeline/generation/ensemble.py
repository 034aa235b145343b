"""RePlug's answer: token by token from the mixture of several prompts' next-token distributions.

Shi et al., "REPLUG" (2023), section 3.2: ``p(y | q) = Σ_i w_i p(y | d_i, q)``, where each passage ``d_i`` stands in
its own prompt and the weights sum to 1. Probabilities are mixed, not logits, at every token, and all prompts go on
with the token that the mixture chose.

An engine may show only the likeliest tokens of each distribution. That is enough wherever it can be *proved* which
token wins: what is not shown is no likelier than the least that is, nor than all the rest together. Where it cannot
be proved, whole distributions are asked for, and the answer is exact in any case. From an engine that never hands them
out, the likeliest token of those shown is taken, and it is noted how much of the mixture was not shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wbrag_pipeline.generation.engine_protocol import Distribution, Engine

# The likeliest tokens asked for first: the most that common servers give.
_HEAD = 20


@dataclass
class Ensemble:
    """One answer in the making.

    prompts: token ids of each passage's prompt. weights: follow ``prompts`` and sum to 1.
    choices: token ids of the only answers there may be; () for free text.
    chosen: tokens so far with their probability in the mixture. outcome: None while it goes on, then "stop", "length",
    "failed", or "context" where there is no prompt that fits. unproved: of each token that could not be proved, the
    share of the mixture that was not shown.
    """

    prompts: Sequence[tuple[int, ...]]
    weights: Sequence[float]
    max_tokens: int
    choices: Sequence[tuple[int, ...]] = ()
    chosen: list[tuple[int, float]] = field(default_factory=list)
    outcome: str | None = None
    unproved: list[float] = field(default_factory=list)

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens so far."""
        return tuple(token for token, _ in self.chosen)

    @property
    def allowed(self) -> frozenset[int] | None:
        """What the next token may be; None for anything."""
        if not self.choices:
            return None
        so_far = self.ids
        return frozenset(c[len(so_far)] for c in self.choices if len(c) > len(so_far) and c[: len(so_far)] == so_far)


@dataclass(frozen=True)
class Mixed:
    """The winner of a mixture and its probability.

    sure: both are proved and not only likely. missing: the share of the mixture that the rows do not show.
    """

    token: int
    probability: float
    sure: bool
    missing: float = 0.0


def mix(rows: Sequence[Distribution], weights: Sequence[float], whole: bool, allowed: frozenset[int] | None) -> Mixed:
    """The likeliest token of the weighted mixture of ``rows``; of equally likely ones, that with the lowest id.

    whole: the rows are whole distributions, not their heads. allowed: the only tokens there may be, whose
    probabilities are then made to sum to 1.
    """
    # The most that a token can have which a row does not show.
    most = [0.0 if whole else max(0.0, min(*row.values(), 1.0 - math.fsum(row.values()))) for row in rows]
    tokens = sorted(allowed if allowed is not None else set().union(*rows))
    # Least probability of each token, and what it may have beyond that.
    least = {t: sum(w * row.get(t, 0.0) for w, row in zip(weights, rows, strict=True)) for t in tokens}
    slack = {t: sum(w * m for w, row, m in zip(weights, rows, most, strict=True) if t not in row and m) for t in tokens}
    best = max(tokens, key=lambda t: (least[t], -t))
    unseen = 0.0 if allowed is not None else sum(w * m for w, m in zip(weights, most, strict=True))
    total = sum(least.values()) if allowed is not None else 1.0
    exact = not any(slack.values()) if allowed is not None else not slack[best]
    # An equally likely unseen token might have the lower id, hence the strict comparisons.
    beaten = all(least[t] + slack[t] < least[best] or not slack[t] for t in tokens if t != best)
    sure = exact and beaten and (whole or unseen < least[best] or allowed is not None) and total > 0.0
    missing = math.fsum(w * max(0.0, 1.0 - math.fsum(row.values())) for w, row in zip(weights, rows, strict=True))
    return Mixed(best, least[best] / total if total else 0.0, sure or whole, missing)


def decode_ensembles(engine: Engine, ensembles: Sequence[Ensemble], finished: Callable[[int], None]) -> None:
    """Drive all ensembles to their end, a token a round, all prompts of all ensembles in one batch.

    ``finished(index)`` is called once for each, when its ``outcome`` is there.
    """
    going = []
    for index, ensemble in enumerate(ensembles):
        if ensemble.outcome is None:
            going.append(index)
        else:
            finished(index)
    while going:
        mixtures = _next(engine, [ensembles[index] for index in going], _HEAD)
        unsure = [place for place, mixed in enumerate(mixtures) if mixed is not None and not mixed.sure]
        if unsure and engine.capabilities.whole:
            again = _next(engine, [ensembles[going[place]] for place in unsure], None)
            for place, mixed in zip(unsure, again, strict=True):
                mixtures[place] = mixed
        for index, mixed in zip(going, mixtures, strict=True):
            _take(engine, ensembles[index], mixed)
        for index in going:
            if ensembles[index].outcome is not None:
                finished(index)
        going = [index for index in going if ensembles[index].outcome is None]


def _next(engine: Engine, ensembles: Sequence[Ensemble], top: int | None) -> list[Mixed | None]:
    """One round: the mixture's winner for each ensemble, or None where a call failed for good."""
    prompts = [prompt + ensemble.ids for ensemble in ensembles for prompt in ensemble.prompts]
    found = iter(engine.next_tokens(prompts, top))
    mixtures: list[Mixed | None] = []
    for ensemble in ensembles:
        rows = [next(found) for _ in ensemble.prompts]
        present = [row for row in rows if row is not None]
        complete = len(present) == len(rows)
        mixtures.append(mix(present, ensemble.weights, top is None, ensemble.allowed) if complete else None)
    return mixtures


def _take(engine: Engine, ensemble: Ensemble, mixed: Mixed | None) -> None:
    """Add the winner to the answer and see whether that ends it."""
    if mixed is None or (not mixed.sure and mixed.probability == 0.0):  # none of the choices was shown
        ensemble.outcome = "failed"
        return
    if not mixed.sure:
        ensemble.unproved.append(mixed.missing)
    if not ensemble.choices and engine.ends(mixed.token):
        ensemble.outcome = "stop"
        return
    ensemble.chosen.append((mixed.token, mixed.probability))
    if ensemble.ids in ensemble.choices and not ensemble.allowed:
        ensemble.outcome = "stop"
    elif len(ensemble.chosen) >= ensemble.max_tokens:
        ensemble.outcome = "length"
