"""Learning curves and gains over several splits as Markdown tables."""

from __future__ import annotations

from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments.drawn_splits import VARIANT_MEANINGS, over_splits
from wbrag_pipeline.evaluation.experiments.label_kinds import KIND_MEANINGS
from wbrag_pipeline.evaluation.experiments.rivals import OURS
from wbrag_pipeline.evaluation.experiments.table_cells import (
    P_COLUMN,
    SCORE_COLUMNS,
    Columns,
    MarkdownRow,
    meanings,
    rows_table,
)
from wbrag_pipeline.evaluation.formatting import markdown_table, signed


def labels_table(table: pl.DataFrame) -> str:
    """A line a kind of label and number of training questions."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "labels": lambda row: row["kind"],
        "training questions": lambda row: f"{row['labels']:,}",
        "draws": lambda row: f"{row['draws']}",
        **SCORE_COLUMNS | P_COLUMN,
        "single draws": lambda row: f"{signed(row['lowest'])} to {signed(row['highest'])}",
        "kept": lambda row: f"{row['kept']:,.0f}",
        "units": lambda row: f"{row['units']:,.0f}",
        "calls": lambda row: f"{row['calls']:,.0f}",
    }
    told = meanings({kind: KIND_MEANINGS[kind] for kind in table["kind"].unique(maintain_order=True)})
    return f"## Gain by the number of training questions\n\n{rows_table(table, columns)}\n\n{told}"


def splits_table(table: pl.DataFrame) -> str:
    """A line a benchmark and variant, and the mean over benchmarks."""
    parts = ["## Several splits"]
    for generator, method, over in splits_by_setting(table):
        head = ["benchmark", "variant", "gain", "95 % interval", "split by split", "write-back is ahead by"]
        rows = [
            [row["benchmark"], row["variant"], signed(row["gain"]), _between(row, "gain"), _each(row), _behind(row)]
            for row in over
        ]
        parts += [f"{method}, {generator}.", markdown_table(head, rows)]
    return "\n\n".join(
        [*parts, meanings({name: VARIANT_MEANINGS[name] for name in table["variant"].unique(maintain_order=True)})]
    )


def splits_by_setting(table: pl.DataFrame) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """SPLITS to (generator, method, rows of ``over_splits``)."""
    parts = table.partition_by(["generator", "method"], as_dict=True, maintain_order=True)
    return [
        (generator, method, over_splits(part, seed=part["seed"][0] or 0)) for (generator, method), part in parts.items()
    ]


def _each(row: MarkdownRow) -> str:
    return ", ".join(map(signed, row["by_split"])) or "–"


def _behind(row: MarkdownRow) -> str:
    if row["variant"] == OURS or row["behind"] is None:
        return "–"
    return f"{signed(row['behind'])} ({_between(row, 'behind')})"


def _between(row: MarkdownRow, name: str) -> str:
    return f"{signed(row[f'{name}_low'])} to {signed(row[f'{name}_high'])}"
