"""Units that cannot be true together with another unit, or with a passage.

Found by words alone, since a false alarm costs a good unit: two sentences about one subject that differ in one place
and nowhere else, and there in a way that excludes both: another date of what happens once, another quantity of
what something is or has, a negation, an opposite. Where two names stand in such a place ("was founded by …") more than
one may be right, so there the generator must take each sentence to refute the other.

What more documents state wins, and what was said later; where these point different ways, or nowhere, both are flagged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain, combinations, islice
from math import inf

from wbrag_pipeline.curation.sources import SourcePassage
from wbrag_pipeline.curation.statements import Statement, statements_of
from wbrag_pipeline.curation.unit import FLAGGED, SUPERSEDED, Unit
from wbrag_pipeline.generation.generator import Generator, Passage

# What a generator must give, both ways, as a probability, before two names exclude each other.
LEAST_REFUTATION = 0.9
# Of the values that are told of one thing, those that every other one is held against: the strongest. Two of the weaker
# ones need not meet: each of them has met some that at least as many documents state.
MOST_VALUES = 16

# What a text states: the statement, what fills its open place, the sentence.
_Said = list[tuple[Statement, str, str]]


@dataclass
class Side:
    """All that states one of several values of one thing. Its figures are taken once, when all is in it."""

    units: list[Unit] = field(default_factory=list)
    sources: dict[str, SourcePassage] = field(default_factory=dict)
    sentence: str = ""
    _out: int = 0  # of its units the first so many are out, and nobody comes back

    @cached_property
    def support(self) -> int:
        """Documents that state it; copies of one text are one, however many documents they lie in."""
        found = self.sources.values()
        return min(len({s.document or s.title for s in found}), len({s.normalized for s in found}))

    @cached_property
    def said_at(self) -> datetime | None:
        """When it was last said, where that is known."""
        return max((s.said_at for s in self.sources.values() if s.said_at), default=None)

    @cached_property
    def unit_ids(self) -> frozenset[str]:
        """Ids of its units."""
        return frozenset(unit.unit_id for unit in self.units)

    @cached_property
    def name(self) -> str:
        """What stands for it where none of its units is published."""
        return f"corpus:{min(self.sources)}" if self.sources else self.units[0].unit_id

    @property
    def published(self) -> Iterator[Unit]:
        """Its units that nothing has been decided against so far."""
        while self._out < len(self.units) and not self.units[self._out].published:
            self._out += 1
        return (unit for unit in islice(self.units, self._out, None) if unit.published)

    @property
    def strength(self) -> tuple[float, float, str]:
        """Sorts the strongest first: most documents, then what was said last."""
        return -self.support, -(self.said_at.timestamp() if self.said_at else -inf), self.sentence

    def shares_with(self, other: Side) -> bool:
        """Whether a text states both values; it has a reason to (two censuses, say) that words do not show."""
        return not self.unit_ids.isdisjoint(other.unit_ids) or not self.sources.keys().isdisjoint(other.sources.keys())

    def outweighs(self, other: Side) -> bool | None:
        """Whether this side has more behind it, or the other has; None where that is undecided."""
        more = self.support - other.support
        later = 0
        if self.said_at and other.said_at and self.said_at != other.said_at:
            later = 1 if self.said_at > other.said_at else -1
        signs = {sign for sign in (more, later) if sign}
        if not signs or (min(signs) < 0 < max(signs)):
            return None
        return max(signs) > 0


def resolve_contradictions(
    units: Sequence[Unit], sources: Mapping[str, SourcePassage], generator: Generator
) -> set[str]:
    """Supersede or flag, in place, the published units that something else contradicts.

    Only what all readers of a unit may see is held against it: passages whose labels it has, units of the same labels.
    Gives the ids of units with a value of a thing of which there are so many that it was held against the strongest
    ones alone (``MOST_VALUES``).
    """
    said: dict[tuple[str, ...], list[tuple[Unit, _Said]]] = defaultdict(list)
    for unit in sorted((unit for unit in units if unit.published), key=lambda unit: unit.unit_id):
        said[unit.labels].append((unit, list(statements_of(unit.title, unit.text, unit.language))))
    wanted = {statement for read in said.values() for _, found in read for statement, *_ in found}
    stated = StatedBySources(sources, wanted)
    in_part: set[str] = set()
    for labels in sorted(said):
        in_part |= _resolve(said[labels], frozenset(labels), stated, sources, generator)
    return in_part


class StatedBySources:
    """Which passages state a thing, under which labels: every passage is read once, whoever may see it."""

    def __init__(self, sources: Mapping[str, SourcePassage], wanted: Container[Statement]) -> None:
        """wanted: the statements of units; the others are contradicted by nobody."""
        self._found: dict[Statement, dict[frozenset[str], list[tuple[SourcePassage, str, str]]]] = {}
        for _, source in sorted(sources.items()):
            for statement, value, sentence in statements_of(source.title, source.text, source.language):
                if statement in wanted:
                    by_labels = self._found.setdefault(statement, {})
                    by_labels.setdefault(source.labels, []).append((source, value, sentence))

    def visible(self, statement: Statement, labels: frozenset[str]) -> list[tuple[SourcePassage, str, str]]:
        """(passage, value, sentence) of those that a reader with these labels may see, in order of passage ids."""
        by_labels = self._found.get(statement, {})
        if 2 ** len(labels) < len(by_labels):  # a corpus with a label for each of a thousand tenants
            sizes = range(len(labels) + 1)
            seen = [frozenset(some) for size in sizes for some in combinations(sorted(labels), size)]
        else:
            seen = [some for some in by_labels if some <= labels]
        rows = [row for some in seen for row in by_labels.get(some, ())]
        return sorted(rows, key=lambda row: row[0].passage_id)


def _resolve(
    said: Sequence[tuple[Unit, _Said]],
    labels: frozenset[str],
    stated: StatedBySources,
    sources: Mapping[str, SourcePassage],
    generator: Generator,
) -> set[str]:
    sides: dict[Statement, dict[str, Side]] = defaultdict(lambda: defaultdict(Side))
    for unit, found in said:
        own = {name: sources[name] for name in unit.sources if name in sources}
        for statement, value, sentence in found:
            side = sides[statement][value]
            side.units.append(unit)
            side.sources.update({name: s for name, s in own.items() if sentence in s.whole} or own)
            side.sentence = side.sentence or sentence
    for statement, values in sides.items():
        for source, value, sentence in stated.visible(statement, labels):
            side = values[value]
            side.sources[source.passage_id] = source
            side.sentence = side.sentence or sentence
    clashes = [
        (statement, one, other)
        for statement, values in sides.items()
        for one, other in _couples(values)
        if one.units or other.units
    ]
    clashes = _excluding(clashes, generator)
    beaten: set[int] = set()
    for statement, one, other in sorted(clashes, key=lambda clash: -max(clash[1].support, clash[2].support)):
        decided = one.outweighs(other)
        if decided is not None:
            winner, loser = (one, other) if decided else (other, one)
            beaten.add(id(loser))
            _supersede(statement, loser, winner)
    for statement, one, other in clashes:
        if one.outweighs(other) is None and not {id(one), id(other)} & beaten:
            about = f"{statement.about} is told in two ways, by {_who(one)} and {_who(other)}, and nothing decides"
            for unit in chain(one.published, other.published):
                unit.leave(FLAGGED, about)
    crowded = [values for values in sides.values() if len(values) > MOST_VALUES + 1]
    return {unit.unit_id for values in crowded for side in _weaker(values) for unit in side.units}


def _strongest(values: Mapping[str, Side]) -> list[str]:
    return sorted(values, key=lambda name: (*values[name].strength, name))[:MOST_VALUES]


def _weaker(values: Mapping[str, Side]) -> list[Side]:
    strongest = {*_strongest(values)}
    return [side for name, side in values.items() if name not in strongest]


def _couples(values: Mapping[str, Side]) -> Iterator[tuple[Side, Side]]:
    """The sides to hold against each other: all, or where there are many values each with the strongest ones."""
    if len(values) > MOST_VALUES + 1:
        couples = {(min(a, b), max(a, b)) for a in _strongest(values) for b in values if a != b}
    else:
        couples = {*combinations(sorted(values), 2)}
    for name, other in sorted(couples):
        if not values[name].shares_with(values[other]):
            yield values[name], values[other]


def _excluding(clashes: list[tuple[Statement, Side, Side]], generator: Generator) -> list[tuple[Statement, Side, Side]]:
    """The clashes that the words decide, and those of names that the generator decides."""
    asked = [
        (claim.sentence, Passage("", "", source.sentence))
        for statement, one, other in clashes
        if statement.kind == "name"
        for claim, source in ((one, other), (other, one))
    ]
    verdicts = iter(generator.verify([claim for claim, _ in asked], [[passage] for _, passage in asked]))
    kept = []
    for clash in clashes:
        if clash[0].kind == "name":
            both = [next(verdicts) for _ in range(2)]
            if any(verdict.failed or verdict.refutes < LEAST_REFUTATION for verdict in both):
                continue
        kept.append(clash)
    return kept


def _supersede(statement: Statement, loser: Side, winner: Side) -> None:
    behind = f"{winner.support} documents against {loser.support}"
    if winner.support <= loser.support:
        behind = f"which is newer, {behind}"
    for unit in loser.published:
        unit.leave(SUPERSEDED, f"{statement.about} is told otherwise by {_who(winner)}: {behind}", _who(winner))
        unit.valid_until = winner.said_at


def _who(side: Side) -> str:
    return next((unit.unit_id for unit in side.published), side.name)
