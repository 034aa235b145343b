"""A thing with what is known of it and what it came from, and its drawing as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.terminal import on_one_line

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Fact = str | int | float | bool
LineageRow = dict[str, Any]
_MOST_CHILDREN = 20


@dataclass(frozen=True)
class Node:
    """One thing and what is known of it, less what is None; ``children`` are what it came from or went into."""

    label: str
    facts: Mapping[str, Fact | None] = field(default_factory=dict)
    children: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        known = {name: value for name, value in self.facts.items() if value is not None}
        object.__setattr__(self, "facts", known)


def rows_of(connection: DuckDBPyConnection, sql: str, **parameters: str | list[str]) -> list[LineageRow]:
    """The rows of a query, by column name."""
    rows: list[LineageRow] = connection.sql(sql, params=parameters).pl().to_dicts()
    return rows


def render_tree(node: Node) -> str:
    """The tree drawn with box characters, one line a fact; beyond 20 children of a node, how many more."""
    return "\n".join(_lines(node, "", ""))


def change(before: float | None, before_word: str, after: float | None, after_word: str) -> str:
    """Two scores as "0 without, 1 with"; a null score is one that nobody had to ask for."""
    scores = (("not asked" if score is None else one_line(score)) for score in (before, after))
    return ", ".join(f"{score} {word}" for score, word in zip(scores, (before_word, after_word), strict=True))


def effect(row: LineageRow) -> str:
    """What write-back did to a test question's score."""
    return change(row["score_without"], "without write-back", row["score_with"], "with")


def recorded_time(row: LineageRow) -> str:
    """When a row was recorded."""
    return f"{row['recorded_at']:%Y-%m-%d %H:%M:%S} UTC"


def count_of(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(value: Fact | None) -> str:
    """A fact on one line: stored text must not steer the reader's terminal, nor look like a line of ours."""
    return f"{value:.4g}" if isinstance(value, float) else on_one_line(str(value))


def _lines(node: Node, first: str, rest: str) -> Iterator[str]:
    yield first + one_line(node.label)
    children = node.children[:_MOST_CHILDREN]
    more = len(node.children) - len(children)
    width = max(map(len, node.facts), default=0)
    stem = rest + ("│  " if node.children else "   ")
    for name, value in node.facts.items():
        yield f"{stem}{name:<{width}}  {one_line(value)}"
    for position, child in enumerate(children, start=1):
        last = position == len(children) and not more
        yield from _lines(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
    if more:
        yield f"{rest}└─ … {more} more"
