"""The cells that tables of results share: headings and columns, intervals, means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.formatting import bare_p, markdown_table, percent, signed

MarkdownRow = Mapping[str, Any]
Columns = dict[str, Callable[[MarkdownRow], str]]  # heading and cell, in order


def meanings(of: Mapping[str, str]) -> str:
    """A line a name: what it means."""
    return "\n".join(f"- {name}: {meaning}." for name, meaning in of.items())


def rows_table(frame: pl.DataFrame, columns: Columns) -> str:
    """A Markdown table of one line a row, the first column names it.

    Method and generator have columns after it where there are several, and ``columns`` has none for them.
    """
    first, *others = columns.items()
    told = {"answered by": "method"}  # a heading of another name
    named = {told.get(heading, heading) for heading in columns}
    several = [name for name in ("method", "generator") if name not in named and frame[name].n_unique() > 1]
    shown: Columns = dict([first, *((name, _column(name)) for name in several), *others])
    return markdown_table(list(shown), [[cell(row) for cell in shown.values()] for row in frame.to_dicts()])


def _column(name: str) -> Callable[[MarkdownRow], str]:
    return lambda row: str(row[name])


def changed(row: MarkdownRow) -> str:
    """Questions helped and hurt."""
    return f"{row['helped']} / {row['hurt']}"


def score_change(row: MarkdownRow) -> str:
    """Both scores and the gain."""
    return f"{row['score_without']:.2f} → {row['score_with']:.2f} ({signed(row['gain'])})"


def interval(row: MarkdownRow) -> str:
    """The interval of the gain."""
    return f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"


def mean_gain(values: pl.Series) -> str:
    """The mean of gains."""
    return signed(sum(values.to_list()) / max(1, len(values)))


def percent_or_dash(share: float | None) -> str:
    """A share, or a dash where there is none."""
    return "–" if share is None else percent(share)


# Columns of whatever compares two sides.
SCORE_COLUMNS: Columns = {
    "without": lambda row: f"{row['score_without']:.2f}",
    "with": lambda row: f"{row['score_with']:.2f}",
    "gain": lambda row: signed(row["gain"]),
    "95 % interval": interval,
}
P_COLUMN: Columns = {"p": lambda row: bare_p(row["p"])}
CHANGED_COLUMN: Columns = {"helped / hurt": changed}
RECALL_COLUMNS: Columns = {
    "recall without": lambda row: percent_or_dash(row["recall_without"]),
    "recall with": lambda row: percent_or_dash(row["recall_with"]),
}
UNITS_COLUMN: Columns = {"units in top K": lambda row: f"{row['units_in_top_k']:.2f}"}
