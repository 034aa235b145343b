"""Curation: every unit is kept, and every one gets a state and the reason for it.

A pure function of its tables. So nothing is remembered against a unit: when the one that it gave way to is gone, the
next run publishes it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.curation.answers import add_missing_answers
from wbrag_pipeline.curation.contradictions import resolve_contradictions
from wbrag_pipeline.curation.duplicates import merge_duplicates
from wbrag_pipeline.curation.form import faults_in, reject_unfit
from wbrag_pipeline.curation.screening import objection, quarantine
from wbrag_pipeline.curation.sources import SourcePassage, present_sources, sources_of
from wbrag_pipeline.curation.support import cut_unsupported, supported
from wbrag_pipeline.curation.unit import PUBLISHED, Unit, unit_of
from wbrag_pipeline.datasets.private_data import EVERY_KIND, kinds_named
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Generator, Usage
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.sentences import split_sentences

# Columns that are fields of Unit under the same name.
_AS_DECIDED = ("state", "reason", "kept_by", "cut_sentences", "valid_from", "valid_until", "known_from", "known_until")


def curate(
    units: pl.DataFrame,
    passages: pl.DataFrame,
    encoder: Encoder,
    generator: Generator,
    task: Task,
    *,
    private: str = EVERY_KIND,
    known_from: Mapping[str, datetime] | None = None,
    language: str = ENGLISH,
) -> pl.DataFrame:
    """KNOWLEDGE_UNITS to CURATED_UNITS, in the order of unit ids.

    passages: PASSAGES that hold the units' sources; units are held against all of them, so what was retrieved beside
        the sources belongs here too.
    task: of the units' questions, which the generator answers from the sources.
    private: which kinds of private data keep a unit out, see ``private_data.DETECTORS``.
    known_from: when the system first held a unit, by unit id; recorded, and never a ground for a decision, or a build
        from scratch would decide otherwise.
    language: of the texts; see ``language_words`` for those whose words are known.

    Screening comes first, so that no text that speaks to a model is shown to one.
    """
    sources, made = sources_of(passages, language), _units(units, language)
    kinds = kinds_named(private)
    quarantine(made, kinds)
    reject_unfit(made, sources, generator)
    cut_unsupported(made, sources, generator)
    add_missing_answers(made, sources, generator, task, kinds)
    in_part = merge_duplicates(made, encoder, generator) | resolve_contradictions(made, sources, generator)
    _tell(made, in_part, generator)
    _date(made, sources, known_from or {})
    return _table(units, made, generator)


def uncurated(units: pl.DataFrame) -> pl.DataFrame:
    """KNOWLEDGE_UNITS to CURATED_UNITS where nothing is looked at: every unit is published as it was distilled."""
    made = _units(units)
    for unit in made:
        unit.reason = "curation is off"
    return _table(units, made, None)


def published(curated: pl.DataFrame) -> pl.DataFrame:
    """The KNOWLEDGE_UNITS to search: CURATED_UNITS in state published, with their final text and all their sources."""
    return curated.filter(pl.col("state") == PUBLISHED).select(list(tables.KNOWLEDGE_UNITS.schema))


def unfit(
    curated: pl.DataFrame,
    passages: pl.DataFrame,
    generator: Generator,
    private: str = EVERY_KIND,
    language: str = ENGLISH,
) -> list[str]:
    """Ids of published units that must not be: a sentence does not follow from their sources, or the unit is
    quarantined text, or no text about a topic.

    Looks at the finished table alone; verdicts come from the completion cache.
    """
    units, sources = _units(published(curated), language), sources_of(passages, language)
    kinds = kinds_named(private)
    asked = [(unit, sentence) for unit in units for sentence in split_sentences(unit.text, language)]
    follows = supported([(sentence, present_sources(unit, sources)) for unit, sentence in asked], generator)
    bad = {unit.unit_id for (unit, _), good in zip(asked, follows, strict=True) if not good}
    bad |= {unit.unit_id for unit in units if objection(unit.title, unit.text, kinds, language)}
    bad |= {unit.unit_id for unit in units if (there := present_sources(unit, sources)) and faults_in(unit, there)}
    return sorted(bad)


def _units(units: pl.DataFrame, language: str = ENGLISH) -> list[Unit]:
    return [unit_of(row, language) for row in units.sort("unit_id").iter_rows(named=True)]


def _tell(units: Sequence[Unit], in_part: Collection[str], generator: Generator) -> None:
    """Count the units that were held against only some of the many that are like them, and say so of each."""
    generator.count_incidents(Usage(units_compared_in_part=len(in_part)))
    for unit in units:
        if unit.published and unit.unit_id in in_part:
            unit.note("of the many that are like it, only some were compared with it")


def _date(units: Sequence[Unit], sources: Mapping[str, SourcePassage], known_from: Mapping[str, datetime]) -> None:
    """Set both pairs of times: true in the world by what the sources say, known to the system by what it recorded."""
    for unit in units:
        said = [source.said_at for source in present_sources(unit, sources) if source.said_at]
        unit.valid_from = min(said, default=None)
        unit.known_from = known_from.get(unit.unit_id)
    for unit in units:
        # A clash is known from the moment that both sides are.
        both = (unit.known_from, known_from.get(unit.kept_by or ""))
        if unit.kept_by and both[0] and both[1]:
            unit.known_until = max(both[0], both[1])


def _table(units: pl.DataFrame, made: Sequence[Unit], generator: Generator | None) -> pl.DataFrame:
    changed = {
        "unit_id": [unit.unit_id for unit in made],
        "title": [unit.title for unit in made],
        "text": [unit.text for unit in made],
        "source_passage_ids": [list(unit.sources) for unit in made],
        "source_hashes": [list(unit.sources.values()) for unit in made],
        "question_ids": [unit.question_ids for unit in made],
        **{name: [getattr(unit, name) for unit in made] for name in _AS_DECIDED},
    }
    schema = {name: tables.CURATED_UNITS.schema[name] for name in changed}
    frame = units.drop(set(changed) - {"unit_id"}, strict=False).join(
        pl.DataFrame(changed, schema=schema), on="unit_id", how="left", maintain_order="left"
    )
    before = dict(units.select("unit_id", "text").iter_rows())
    edited = [unit for unit in made if unit.text != before[unit.unit_id]]
    if generator is not None and edited:
        counts = generator.count_tokens([f"{unit.title}\n{unit.text}" for unit in edited])
        tokens = pl.DataFrame({"unit_id": [unit.unit_id for unit in edited], "unit_tokens": counts})
        frame = frame.update(tokens.cast({"unit_tokens": pl.Int32}), on="unit_id")
    return tables.CURATED_UNITS.check(frame.select(list(tables.CURATED_UNITS.schema)).sort("unit_id"))
