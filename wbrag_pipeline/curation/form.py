"""Units that are no text about a topic: what a model writes when it tells its prompt back, declines or goes in circles.

A language model's drafts are looked at in the same way as they come (``generation.writing.unit_format``), and get a
second try. Units of generators from elsewhere, and of earlier versions, are met here for the first time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wbrag_pipeline.curation.sources import SourcePassage, present_sources
from wbrag_pipeline.curation.unit import REJECTED, Unit
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.generation.writing.unit_faults import FaultKind, counted_by_kind, faults_of


def reject_unfit(units: Sequence[Unit], sources: Mapping[str, SourcePassage], generator: Generator) -> None:
    """Reject, in place, the published ones of ``units`` with a fault; where it is in the title, that goes alone.

    Faults are counted by kind on the generator's account. Units without a source are left to the support step.
    """
    found: Counter[FaultKind] = Counter()
    for unit in units:
        there = present_sources(unit, sources) if unit.published else ()
        if not there:
            continue
        faults = faults_in(unit, there)
        found.update(faults.keys())
        if not faults:
            continue
        reason = f"it {next(iter(faults.values()))}"
        if faults_in(unit, there, title=there[0].title):
            unit.leave(REJECTED, reason)
        else:  # all that is wrong is wrong with its title
            unit.note(f"{reason}: the title gave way to a source's")
            unit.title = there[0].title
    generator.count_incidents(counted_by_kind(found.elements()))


def faults_in(unit: Unit, there: Sequence[SourcePassage], *, title: str | None = None) -> dict[FaultKind, str]:
    """``unit_faults.faults_of`` the unit against these sources; under another title where one is given."""
    sources = [source.source_text for source in there]
    return faults_of(unit.title if title is None else title, unit.text, unit.question, sources)
