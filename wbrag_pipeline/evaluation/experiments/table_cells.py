"""Tables of results as text, set in the terminal, in Markdown and in a page alike, and the cells that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.formatting import bare_p, markdown_table, percent, signed

MarkdownRow = Mapping[str, Any]
Columns = dict[str, Callable[[MarkdownRow], str]]  # heading and cell, in order


@dataclass(frozen=True)
class TextTable:
    """Heads and cells. title, said: above the table.

    colours: of each row's gain, by its interval: "up", "down" or "".
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    colours: Sequence[str] = ()
    title: str = ""
    said: str = ""

    @cached_property
    def figures(self) -> list[bool]:
        """Whether a column holds figures, or dashes for want of them."""
        return [all(row[place][:1] in "+−–<0123456789" for row in self.rows) for place in range(len(self.head))]


@dataclass(frozen=True)
class Section:
    """Tables under a heading. said: before them; meanings: of names in them."""

    heading: str
    tables: Sequence[TextTable]
    said: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)

    def as_markdown(self) -> str:
        """For the terminal, for the report's twin, for people who paste into papers."""
        parts = [f"## {self.heading}", self.said]
        for table in self.tables:
            title = f"### {table.title}" if table.title else ""
            parts += [title, table.said, markdown_table(table.head, table.rows)]
        told = "\n".join(f"- {name}: {meaning}." for name, meaning in self.meanings.items())
        return "\n\n".join(filter(None, [*parts, told]))


def rows_table(frame: pl.DataFrame, columns: Columns, *, title: str = "", said: str = "") -> TextTable:
    """One line a row, the first column names it.

    Method and generator have columns after it where there are several, and ``columns`` has none for them.
    """
    first, *others = columns.items()
    told = {"answered by": "method"}  # a heading of another name
    named = {told.get(heading, heading) for heading in columns}
    several = [name for name in ("method", "generator") if name not in named and frame[name].n_unique() > 1]
    shown: Columns = dict([first, *((name, _column(name)) for name in several), *others])
    rows = frame.to_dicts()
    colours = [colour_of(row["ci_low"], row["ci_high"]) for row in rows] if "ci_low" in frame.columns else []
    return TextTable(list(shown), [[cell(row) for cell in shown.values()] for row in rows], colours, title, said)


def colour_of(low: float | None, high: float | None) -> str:
    """How a gain with that interval is coloured."""
    return "up" if (low or 0) > 0 else "down" if (high or 0) < 0 else ""


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
