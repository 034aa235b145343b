"""What ought to be, in plain dicts and lists: no table, no index, no file.

A passage is an angle in whole degrees with a set of access labels; a question is an angle, and it is answered by what
lies within ``REACH`` degrees of it. Nothing here is taken from the package: gates, merge, statistics and the pointer's
history are worked out again in the simplest way there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

REACH = 20.3
TOP_K = 2
# Sums of an angle of these and a passage's or unit's are never alike, so that no two are equally near.
TRAINING = {f"q{n}": 7.3 + 30 * n for n in range(6)}
VALIDATION = {f"v{n}": 4.3 + 11 * n for n in range(16)}

Passage = tuple[float, frozenset[str]]
# Question, ids of the sources, their angles, the unit's own angle, its labels.
Unit = tuple[str, tuple[str, ...], tuple[float, ...], float, frozenset[str]]
Hit = tuple[str, float]


@dataclass
class Oracle:
    """source: the corpus' file; indexed: what was indexed of it; releases: units by name; trail: what was served."""

    source: dict[str, Passage] = field(default_factory=dict)
    indexed: dict[str, Passage] = field(default_factory=dict)
    releases: dict[str, frozenset[Unit]] = field(default_factory=dict)
    candidate: str | None = None
    trail: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)  # rolled back from, and not promoted since

    @property
    def served(self) -> str | None:
        return self.trail[-1] if self.trail else None

    def index(self) -> None:
        self.indexed = dict(sorted(self.source.items()))

    def train(self) -> None:
        units = frozenset(filter(None, (self._unit(question, angle) for question, angle in TRAINING.items())))
        same = [name for name in sorted(self.releases) if self.releases[name] == units]
        self.candidate = same[-1] if same else f"r{len(self.releases) + 1:06d}"
        self.releases[self.candidate] = units

    def release(self) -> str:
        assert self.candidate is not None
        if self.candidate == self.served:
            return "served_already"
        if self.candidate in self.left or self._is_worse(self.candidate):
            return "held_back"
        self.promote(self.candidate)
        return "promoted"

    def promote(self, name: str) -> None:
        if name != self.served:
            self.trail.append(name)
            self.left.discard(name)

    def rollback(self) -> None:
        self.left.add(self.trail.pop())
        self.left.discard(self.trail[-1])

    def search(self, angle: float, top_k: int, release: str | None, labels: frozenset[str] | None) -> list[Hit]:
        """The nearest of what the reader may see, by origin and angle; None sees all."""
        found = [("corpus", place, labelled) for place, labelled in self.indexed.values()]
        if release is not None:
            found += [("writeback", unit[3], unit[4]) for unit in self.releases[release]]
        seen = [(origin, place) for origin, place, needed in found if labels is None or needed <= labels]
        return sorted(seen, key=lambda hit: (abs(hit[1] - angle), hit[0]))[:top_k]

    def _unit(self, question: str, angle: float) -> Unit | None:
        nearest = sorted(self.indexed.items(), key=lambda item: (abs(item[1][0] - angle), item[0]))[:TOP_K]
        helping = [(name, place, labels) for name, (place, labels) in nearest if abs(place - angle) < REACH]
        together = [passage for passage in helping if passage[2] == helping[0][2]]
        if not together:
            return None
        names, places, labels = zip(*together, strict=True)
        return question, names, places, sum(places) / len(places), frozenset().union(*labels)

    def _is_worse(self, name: str) -> bool:
        better = worse = 0
        for angle in VALIDATION.values():
            before, after = (
                any(abs(place - angle) < REACH for _, place in self.search(angle, TOP_K, release, None))
                for release in (self.served, name)
            )
            better, worse = better + (after and not before), worse + (before and not after)
        changed = better + worse
        if worse <= better:
            return False
        chance = sum(math.comb(changed, k) for k in range(worse, changed + 1)) / 2**changed
        return min(1.0, 2 * chance) < 0.05
