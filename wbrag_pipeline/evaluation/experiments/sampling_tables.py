"""Learning curves and gains over several splits as tables of text."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.evaluation.experiments.drawn_splits import VARIANT_MEANINGS, over_splits
from wbrag_pipeline.evaluation.experiments.label_kinds import KIND_MEANINGS
from wbrag_pipeline.evaluation.experiments.rivals import OURS
from wbrag_pipeline.evaluation.experiments.table_cells import (
    P_COLUMN,
    SCORE_COLUMNS,
    Columns,
    MarkdownRow,
    Section,
    TextTable,
    colour_of,
    rows_table,
)
from wbrag_pipeline.evaluation.formatting import signed


def labels_table(table: pl.DataFrame) -> Section:
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
    kinds = {kind: KIND_MEANINGS[kind] for kind in table["kind"].unique(maintain_order=True)}
    return Section("Gain by the number of training questions", [rows_table(table, columns)], meanings=kinds)


def splits_table(table: pl.DataFrame) -> Section:
    """A line a benchmark and variant, and the mean over benchmarks."""
    head = ["benchmark", "variant", "gain", "95 % interval", "split by split", "write-back is ahead by"]
    tables = []
    for (generator, method), part in table.partition_by(
        ["generator", "method"], as_dict=True, maintain_order=True
    ).items():
        over = over_splits(part, seed=part["seed"][0] or 0)
        rows = [
            [row["benchmark"], row["variant"], signed(row["gain"]), _between(row, "gain"), _each(row), _behind(row)]
            for row in over
        ]
        colours = [colour_of(row["gain_low"], row["gain_high"]) for row in over]
        tables.append(TextTable(head, rows, colours, said=f"{method}, {generator}."))
    variants = {name: VARIANT_MEANINGS[name] for name in table["variant"].unique(maintain_order=True)}
    return Section("Several splits", tables, meanings=variants)


def _each(row: MarkdownRow) -> str:
    return ", ".join(map(signed, row["by_split"])) or "–"


def _behind(row: MarkdownRow) -> str:
    if row["variant"] == OURS or row["behind"] is None:
        return "–"
    return f"{signed(row['behind'])} ({_between(row, 'behind')})"


def _between(row: MarkdownRow, name: str) -> str:
    return f"{signed(row[f'{name}_low'])} to {signed(row[f'{name}_high'])}"
