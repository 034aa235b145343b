"""Rivals, retrievers and the groups of questions as tables of text."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.evaluation.experiments.gain_sources import GROUPINGS
from wbrag_pipeline.evaluation.experiments.retrievers import RETRIEVER_MEANINGS
from wbrag_pipeline.evaluation.experiments.rivals import OURS, PLAIN, meanings_of_rivals
from wbrag_pipeline.evaluation.experiments.table_cells import (
    CHANGED_COLUMN,
    P_COLUMN,
    RECALL_COLUMNS,
    SCORE_COLUMNS,
    UNITS_COLUMN,
    Columns,
    MarkdownRow,
    Section,
    changed,
    interval,
    rows_table,
)
from wbrag_pipeline.evaluation.formatting import bare_p, duration, percent, signed
from wbrag_pipeline.evaluation.statistics import holm


def rivals_table(table: pl.DataFrame) -> Section:
    """Write-back beside what it has to beat, a table a benchmark."""
    columns: Columns = {
        "rival": lambda row: row["rival"],
        "score": lambda row: f"{row['score_with']:.2f}",
        "gain": lambda row: signed(row["gain"]) if row["rival"] != PLAIN else "–",
        "95 % interval": lambda row: interval(row) if row["rival"] != PLAIN else "–",
        "p": lambda row: bare_p(row["p"]) if row["rival"] != PLAIN else "–",
        "p (Holm)": lambda row: bare_p(row["corrected"]) if row["rival"] != PLAIN else "–",
        "helped / hurt": lambda row: changed(row) if row["rival"] != PLAIN else "–",
        "write-back is ahead by": lambda row: _ahead(row) if row["rival"] != OURS else "–",
        "entries": lambda row: f"{row['entries']:,}",
        "tokens": lambda row: f"{row['tokens']:,}",
        "calls to build": lambda row: f"{row['calls']:,}",
        "in top K": lambda row: f"{row['entries_in_top_k']:.2f}",
        "questions changed": lambda row: percent(row["changed_share"]),
        "threshold": lambda row: _likeness(row["threshold"]),
        "megabytes": lambda row: f"{row['megabytes']:.1f}",
        "training": lambda row: "–" if row["train_seconds"] is None else duration(row["train_seconds"]),
        "search": lambda row: "–" if row["search_ms"] is None else f"{row['search_ms']:.1f} ms",
        "calls a question": lambda row: f"{row['calls_a_question']:,}",
    }
    tables = []
    for (generator, benchmark, method), part in table.partition_by(
        ["generator", "benchmark", "method"], as_dict=True, maintain_order=True
    ).items():
        head = part.row(0, named=True)
        tested = part["rival"] != PLAIN
        adjusted = iter(holm(part.filter(tested)["p"].to_list()))
        part = part.with_columns(corrected=pl.Series([next(adjusted) if asked else 1.0 for asked in tested]))
        measured = f"{head['metric']}, {head['questions']:,} questions, K = {head['top_k']}"
        tables.append(rows_table(part, columns, title=benchmark, said=f"{method}, {generator}, {measured}."))
    return Section("Rivals", tables, meanings=meanings_of_rivals())


def on_top_table(table: pl.DataFrame) -> Section:
    """Retrievers without and with the same units."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "retriever": lambda row: row["retriever"],
        "units trained with": lambda row: row["units_of"],
        **SCORE_COLUMNS | P_COLUMN | CHANGED_COLUMN | RECALL_COLUMNS | UNITS_COLUMN,
    }
    return Section("Write-back on top of retrievers", [rows_table(table, columns)], meanings=RETRIEVER_MEANINGS)


def gain_sources_table(table: pl.DataFrame) -> Section:
    """Test questions in groups, without and with write-back."""
    columns: Columns = {
        "benchmark": lambda row: row["benchmark"],
        "by": lambda row: row["grouping"],
        "group": lambda row: row["group"],
        "questions": lambda row: f"{row['questions']:,}",
        **SCORE_COLUMNS | CHANGED_COLUMN | UNITS_COLUMN,
    }
    return Section("Where the gain comes from", [rows_table(table, columns)], meanings=GROUPINGS)


def _likeness(threshold: float | None) -> str:
    """The threshold of a query cache: a number, never, or a dash where the rival has none."""
    return "–" if threshold is None else f"{threshold:.2f}" if threshold < float("inf") else "never used"


def _ahead(row: MarkdownRow) -> str:
    return f"{signed(row['ahead'])} ({signed(row['ahead_low'])} to {signed(row['ahead_high'])})"
