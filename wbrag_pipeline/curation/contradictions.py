"""Units that cannot be true together with another unit, or with a passage.

Found by words alone, since a false alarm costs a good unit: two sentences about one subject that differ in one place
and nowhere else, and there in a way that excludes both: another date of what happens once, another quantity of
what something is or has, a negation, an opposite. Where two names stand in such a place ("was founded by …") more than
one may be right, so there the generator must take each sentence to refute the other.

What more documents state wins, and what was said later; where these point different ways, or nowhere, both are flagged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wbrag_pipeline.curation.details import normalized
from wbrag_pipeline.curation.sources import SourcePassage
from wbrag_pipeline.curation.statements import Statement, statements_of
from wbrag_pipeline.curation.unit import FLAGGED, SUPERSEDED, Unit
from wbrag_pipeline.generation.generator import Generator, Passage

# What a generator must give, both ways, as a probability, before two names exclude each other.
LEAST_REFUTATION = 0.9


@dataclass
class Side:
    """All that states one of several values of one thing."""

    units: list[Unit] = field(default_factory=list)
    sources: dict[str, SourcePassage] = field(default_factory=dict)
    sentence: str = ""

    @property
    def support(self) -> int:
        """Documents that state it; copies of one text are one, however many documents they lie in."""
        found = self.sources.values()
        return min(len({s.document or s.title for s in found}), len({normalized(s.text) for s in found}))

    @property
    def said_at(self) -> datetime | None:
        """When it was last said, where that is known."""
        return max((s.said_at for s in self.sources.values() if s.said_at), default=None)

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


def resolve_contradictions(units: Sequence[Unit], sources: Mapping[str, SourcePassage], generator: Generator) -> None:
    """Supersede or flag, in place, the published units that something else contradicts.

    Only what all readers of a unit may see is held against it: passages whose labels it has, units of the same labels.
    """
    for labels in sorted({unit.labels for unit in units}):
        visible = [source for _, source in sorted(sources.items()) if source.labels <= {*labels}]
        _resolve([unit for unit in units if unit.published and unit.labels == labels], visible, sources, generator)


def _resolve(
    units: Sequence[Unit], visible: Sequence[SourcePassage], sources: Mapping[str, SourcePassage], generator: Generator
) -> None:
    sides: dict[Statement, dict[str, Side]] = defaultdict(lambda: defaultdict(Side))
    for unit in sorted(units, key=lambda unit: unit.unit_id):
        own = {name: sources[name] for name in unit.sources if name in sources}
        for statement, value, sentence in statements_of(unit.title, unit.text):
            side = sides[statement][value]
            side.units.append(unit)
            side.sources.update({name: s for name, s in own.items() if sentence in s.whole} or own)
            side.sentence = side.sentence or sentence
    for source in visible:
        for statement, value, sentence in statements_of(source.title, source.text):
            if statement in sides:
                side = sides[statement][value]
                side.sources[source.passage_id] = source
                side.sentence = side.sentence or sentence
    clashes = [
        (statement, one, other)
        for statement, values in sides.items()
        for one, other in _couples(statement, values)
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
            for unit in one.units + other.units:
                if unit.published:
                    unit.leave(FLAGGED, about)


def _couples(statement: Statement, values: Mapping[str, Side]) -> Iterator[tuple[Side, Side]]:
    names = sorted(values)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            # A text that states both values has a reason to (two censuses, say) that their words do not show.
            if not {*map(id, values[name].units)} & {*map(id, values[other].units)} and not (
                {*values[name].sources} & {*values[other].sources}
            ):
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
    for unit in loser.units:
        if unit.published:
            unit.leave(SUPERSEDED, f"{statement.about} is told otherwise by {_who(winner)}: {behind}", _who(winner))
            unit.valid_until = winner.said_at


def _who(side: Side) -> str:
    published = [unit.unit_id for unit in side.units if unit.published]
    return published[0] if published else f"corpus:{min(side.sources)}" if side.sources else side.units[0].unit_id
