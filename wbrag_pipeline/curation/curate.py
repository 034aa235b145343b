"""Curation: every unit is kept, and every one gets a state and the reason for it.

A pure function of its tables. So nothing is remembered against a unit: when the one that it gave way to is gone, the
next run publishes it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.curation.duplicates import merge_duplicates
from wbrag_pipeline.curation.unit import PUBLISHED, Unit, unit_of
from wbrag_pipeline.generation.protocol import Generator

# Columns that are fields of Unit under the same name.
_AS_DECIDED = ("state", "reason", "kept_by", "cut_sentences", "valid_from", "valid_until", "known_from", "known_until")


def curate(units: pl.DataFrame, generator: Generator) -> pl.DataFrame:
    """KNOWLEDGE_UNITS to CURATED_UNITS, in the order of unit ids."""
    made = [unit_of(row) for row in units.iter_rows(named=True)]
    merge_duplicates(made)
    return _table(units, made, generator)


def uncurated(units: pl.DataFrame) -> pl.DataFrame:
    """KNOWLEDGE_UNITS to CURATED_UNITS where nothing is looked at: every unit is published as it was distilled."""
    made = [unit_of(row) for row in units.iter_rows(named=True)]
    for unit in made:
        unit.reason = "curation is off"
    return _table(units, made, None)


def published(curated: pl.DataFrame) -> pl.DataFrame:
    """The KNOWLEDGE_UNITS to search: CURATED_UNITS in state published, with their final text and all their sources."""
    return curated.filter(pl.col("state") == PUBLISHED).select(list(tables.KNOWLEDGE_UNITS.schema))


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
    shortened = [unit for unit in made if unit.cut_sentences]
    if generator is not None and shortened:
        counts = generator.count_tokens([f"{unit.title}\n{unit.text}" for unit in shortened])
        tokens = pl.DataFrame({"unit_id": [unit.unit_id for unit in shortened], "unit_tokens": counts})
        frame = frame.update(tokens.cast({"unit_tokens": pl.Int32}), on="unit_id")
    return tables.CURATED_UNITS.check(frame.select(list(tables.CURATED_UNITS.schema)).sort("unit_id"))
