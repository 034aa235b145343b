"""Stage tables from the rows that a test cares about: columns that it leaves out are what they are most of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from wbrag_pipeline.tables import Table

_USUAL = {
    "gate": "utility",
    "status": "scored",
    "status_no_retrieval": "scored",
    "status_rag": "scored",
    "status_without": "scored",
    "status_with": "scored",
    "written_by": "generator",
    "label": "gold",
}


def rows_of(table: Table, rows: Sequence[Sequence[Any]] | Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table of these rows: mappings, or the values of its columns in order without those of ``_USUAL``."""
    given = [name for name in table.schema if name not in _USUAL]
    named = [dict(row) if isinstance(row, Mapping) else dict(zip(given, row, strict=True)) for row in rows]
    usual = {name: value for name, value in _USUAL.items() if name in table.schema}
    return pl.DataFrame([usual | row for row in named], schema=table.schema)
