"""What ought to be, in plain dicts and lists: no table, no index, no file.

A passage is an angle in whole degrees with a set of access labels, cut from one of three documents; a question is an
angle, and it is answered by what lies within ``REACH`` degrees of it, unless that is an even number: such a
passage is found, and says nothing. A question that its top K leaves unanswered is rescued by the first two passages
below that answer it. A unit says what the nearest of its passages says. Nothing here is taken from the package: ids,
gates, rescue, curation, merge, statistics and the pointer's history are worked out again in the simplest way there is.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

REACH = 40.3
TOP_K = 2
# Sums of an angle of these and a passage's or unit's are never alike, so that equally near things are equal angles.
TRAINING = {f"q{n}": 7.3 + 30 * n for n in range(6)}
VALIDATION = {f"v{n}": 4.3 + 11 * n for n in range(16)}

# How far down training looks, and by how many passages a question is rescued.
RESCUE_DEPTH, RESCUERS = 20, 2

Passage = tuple[float, frozenset[str]]
Version = tuple[str, float]  # a passage's name and what it said
Evidence = tuple[str, frozenset[Version]]
Hit = tuple[str, float]


class Unit(NamedTuple):
    """title: the passage that it is called after; angle: what it says; gate: what let its question in."""

    unit_id: str
    question: str
    title: str
    angle: float
    sources: tuple[Version, ...]
    labels: frozenset[str]
    gate: str


Curated = tuple[Unit, str, str | None]  # with its state and what it gave way to


def answers(place: float, asked: float) -> bool:
    """Whether what says ``place`` answers the question ``asked``."""
    return abs(place - asked) < REACH and place % 2 != 0


def document_of(name: str) -> str:
    return f"document {int(name[1:]) % 3}"


@dataclass
class Oracle:
    """source: the corpus' file; the other parts are what is stored of it and made of it."""

    source: dict[str, Passage] = field(default_factory=dict)
    indexed: dict[str, Passage] = field(default_factory=dict)
    distilled: frozenset[Unit] = frozenset()
    curated: frozenset[Curated] = frozenset()
    releases: dict[str, frozenset[Unit]] = field(default_factory=dict)
    candidate: str | None = None
    trail: list[str] = field(default_factory=list)  # what was served, less what was rolled back from
    left: set[str] = field(default_factory=set)  # rolled back from, and not promoted since
    forgotten: set[float] = field(default_factory=set)  # what no passage may say again
    forgotten_documents: set[str] = field(default_factory=set)
    forgotten_said: set[float] = field(default_factory=set)  # what no unit may say again
    forgotten_questions: set[str] = field(default_factory=set)
    forgotten_evidence: set[Evidence] = field(default_factory=set)
    made_of: dict[str, Evidence] = field(default_factory=dict)  # every unit that ever was, by id

    @property
    def served(self) -> str | None:
        return self.trail[-1] if self.trail else None

    @property
    def units(self) -> set[Unit]:
        """All that are stored anywhere."""
        return {*self.distilled, *(unit for unit, _, _ in self.curated)}.union(*self.releases.values())

    def index(self) -> None:
        there = dict(sorted(self.source.items()))
        self.indexed = {
            name: (angle, labels)
            for name, (angle, labels) in there.items()
            if angle not in self.forgotten and document_of(name) not in self.forgotten_documents
        }

    def refresh(self) -> None:
        self.index()
        if self.served is not None:
            now = self._brought_up_to_date(self.served)
            if now != self.served:
                self._serve(now)

    def train(self) -> None:
        asked = {name: angle for name, angle in TRAINING.items() if name not in self.forgotten_questions}
        made = [unit for unit in (self._unit(name, angle) for name, angle in asked.items()) if unit]
        self.made_of |= {unit.unit_id: (unit.question, frozenset(unit.sources)) for unit in made}
        self.distilled, self.curated = frozenset(made), frozenset(_curated(made))
        self.candidate = self._build(frozenset(unit for unit, state, _ in self.curated if state == "published"))

    def release(self) -> str:
        assert self.candidate is not None
        self.candidate = self._brought_up_to_date(self.candidate)
        if self.candidate == self.served:
            return "served_already"
        if self.candidate in self.left or self._is_worse(self.candidate):
            return "held_back"
        self._serve(self.candidate)
        return "promoted"

    def promote(self, name: str) -> None:
        self._serve(self._brought_up_to_date(name))

    def rollback(self) -> str:
        left = self.trail[-1]
        for name in reversed(self.trail[:-1]):
            now = self._brought_up_to_date(name)
            if now != left:
                while self.trail[-1] != name:
                    self.trail.pop()
                self.left.add(left)
                self.left.discard(name)
                self._serve(now)
                return "rolled back"
        return "nothing was served before"

    def forget_passages(self, versions: set[Version], names: set[str], document: str | None) -> None:
        """These versions and whatever says the same; all versions of the passages ``names``, or all of a document."""
        said = {angle for _, angle in versions}
        self.forgotten |= said
        if document is not None:
            self.forgotten_documents.add(document)
        self.indexed = {
            name: passage for name, passage in self.indexed.items() if name not in names and passage[0] not in said
        }
        self._drop(
            unit
            for unit in self.units
            if unit.angle in said or versions & {*unit.sources} or names & {name for name, _ in unit.sources}
        )

    def forget_unit(self, unit_id: str) -> None:
        said = {unit.angle for unit in self.units if unit.unit_id == unit_id}
        gone = [unit for unit in self.units if unit.angle in said]
        self.forgotten_said |= said
        self.forgotten_evidence |= {(unit.question, frozenset(unit.sources)) for unit in gone}
        self.forgotten_evidence |= {self.made_of[unit.unit_id] for unit in gone}
        self._drop(gone)

    def forget_question(self, question: str) -> None:
        self.forgotten_questions.add(question)
        self._drop(unit for unit in self.units if unit.question == question)

    def search(
        self,
        angle: float,
        top_k: int,
        release: str | None,
        labels: frozenset[str] | None,
        *,
        forgetting: bool = False,
    ) -> list[Hit]:
        """The nearest of what the reader may see, by origin and angle; None, who validates, sees all.

        A reader sees no unit whose sources the corpus has lost, also before a refresh has retired it; but in the middle
        of forgetting, which names both pointers of the corpus anew before it comes to the releases.
        """
        found = [("corpus", place, labelled) for place, labelled in self.indexed.values()]
        if release is not None:
            units = self.releases[release]
            standing = units if labels is None or forgetting else filter(None, map(self._with_valid_sources, units))
            found += [("writeback", unit.angle, unit.labels) for unit in standing]
        seen = [(origin, place) for origin, place, needed in found if labels is None or needed <= labels]
        return sorted(seen, key=lambda hit: (abs(hit[1] - angle), hit[0]))[:top_k]

    def _unit(self, question: str, angle: float) -> Unit | None:
        nearest = sorted(self.indexed.items(), key=lambda item: (abs(item[1][0] - angle), item[0]))[:RESCUE_DEPTH]
        found = [(name, place, labels) if answers(place, angle) else None for name, (place, labels) in nearest]
        gate = "utility" if any(found[:TOP_K]) else "rescue"
        helping = [one for one in found[:TOP_K] if one] or [one for one in found[TOP_K:] if one][:RESCUERS]
        together = [passage for passage in helping if passage[2] == helping[0][2]]
        sources = tuple((name, place) for name, place, _ in together)
        if not together or (question, frozenset(sources)) in self.forgotten_evidence:
            return None
        title, place = sources[0]
        if place in self.forgotten_said:
            return None
        contents = [_digest(f"T {name}", str(said)) for name, said in sources]
        made_from = _digest("b", question, *contents, f"T {title}", str(place))
        return Unit(f"u_{made_from[:16]}", question, title, place, sources, together[0][2], gate)

    def _build(self, units: frozenset[Unit]) -> str:
        same = [name for name in sorted(self.releases) if self.releases[name] == units]
        name = same[-1] if same else f"r{len(self.releases) + 1:06d}"
        self.releases[name] = units
        return name

    def _serve(self, name: str) -> None:
        if name != self.served:
            self.trail.append(name)
            self.left.discard(name)

    def _brought_up_to_date(self, name: str) -> str:
        """The release over the corpus as it is now; a candidate where it is another."""
        units = frozenset(filter(None, map(self._with_valid_sources, self.releases[name])))
        if units == self.releases[name]:
            return name
        self.candidate = self._build(units)
        return self.candidate

    def _with_valid_sources(self, unit: Unit) -> Unit | None:
        now = [(name, *self.indexed[name]) for name, _ in unit.sources if name in self.indexed]
        if [(name, place) for name, place, _ in now] != list(unit.sources):
            if not any(place == unit.angle for _, place, _ in now):
                return None
            now = [found for found in now if found[:2] in unit.sources or found[1] == unit.angle]
        sources = tuple((name, place) for name, place, _ in now)
        title = unit.title if sources == unit.sources or unit.title in dict(sources) else sources[0][0]
        return unit._replace(title=title, sources=sources, labels=frozenset().union(*(found[2] for found in now)))

    def _drop(self, units: Iterable[Unit]) -> None:
        gone = {unit.unit_id for unit in units}
        self.distilled = frozenset(unit for unit in self.distilled if unit.unit_id not in gone)
        self.curated = frozenset(
            (unit, state, None if kept_by in gone else kept_by)
            for unit, state, kept_by in self.curated
            if unit.unit_id not in gone
        )
        for name, held in self.releases.items():
            self.releases[name] = frozenset(unit for unit in held if unit.unit_id not in gone)

    def _is_worse(self, name: str) -> bool:
        better = worse = 0
        for angle in VALIDATION.values():
            before, after = (
                any(answers(place, angle) for _, place in self.search(angle, TOP_K, release, None))
                for release in (self.served, name)
            )
            better, worse = better + (after and not before), worse + (before and not after)
        changed = better + worse
        if worse <= better:
            return False
        chance = sum(math.comb(changed, k) for k in range(worse, changed + 1)) / 2**changed
        return min(1.0, 2 * chance) < 0.05


def _curated(units: list[Unit]) -> Iterator[Curated]:
    """Of units that say the same under the same labels, called the same or made of the same, one is published."""
    left = sorted(units, key=lambda unit: (-len(unit.sources), unit.unit_id))
    for same in (lambda one, other: one.title == other.title, lambda one, other: {*one.sources} == {*other.sources}):
        left.sort(key=lambda unit: (-len(unit.sources), unit.unit_id))
        pairs = [
            (one.unit_id, other.unit_id)
            for place, one in enumerate(left)
            for other in left[place + 1 :]
            if (one.angle, one.labels) == (other.angle, other.labels) and same(one, other)
        ]
        published = {unit.unit_id: unit for unit in left}
        for kept, merged in pairs:
            if kept in published and merged in published:
                unit, survivor = published.pop(merged), published[kept]
                yield unit, "merged", kept
                sources = {**dict(unit.sources), **dict(survivor.sources)}
                published[kept] = survivor._replace(sources=tuple(sources.items()))
        left = list(published.values())
    yield from ((unit, "published", None) for unit in left)


def _digest(*parts: str) -> str:
    """Hex SHA-256 over the parts in UTF-8, each after its length in eight bytes."""
    data = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    return hashlib.sha256(data).hexdigest()
