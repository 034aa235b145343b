"""Evidence groups: a unit and the passages that it was distilled from are one piece of evidence, not two that agree.

Without write-back every retrieved passage is a text of its own. A knowledge unit repeats a passage that often stands
beside it in the top K, and so do two units of one passage: wherever passages vote, the same evidence would vote twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from wbrag_pipeline.generation.generator import Passage


def evidence_groups(passages: Sequence[Passage]) -> list[int]:
    """For each passage its evidence group, named by the place of the first passage that belongs to it.

    Two passages belong together where one is a source of the other, where they have a source in common, and where both
    belong to a third.
    """
    # With the origin: a passage may bear the id of a unit, and is no source of it for that.
    evidence = [
        {("corpus", source) for source in passage.sources} or {(passage.origin, passage.passage_id)}
        for passage in passages
    ]
    found = list(range(len(passages)))
    for place, mine in enumerate(evidence):
        for other in range(place):
            if found[other] != found[place] and mine & evidence[other]:
                first, second = sorted((found[other], found[place]))
                found = [first if group == second else group for group in found]
    return found


def share_weights(weights: Sequence[float], of: Sequence[int]) -> list[float]:
    """Weights that sum to 1 again after each evidence group of ``of`` is left its largest weight, in equal parts."""
    largest: dict[int, float] = {}
    for weight, group in zip(weights, of, strict=True):
        largest[group] = max(weight, largest.get(group, 0.0))
    total = math.fsum(largest.values())
    if len(largest) == len(weights) or total <= 0.0:
        return list(weights)
    return [largest[group] / of.count(group) / total for group in of]
