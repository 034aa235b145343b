"""Shapes of rows: which fields tell what a file holds, and which of them mean id, question, answer, text and so on.

A shape is an entry of a table (``question_shapes``, ``passage_shapes``), from which the documentation is made. Nothing
is guessed from values: the first shape whose fields a row has is the row's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from wbrag_pipeline.datasets.files.column_map import ColumnMap, with_inner
from wbrag_pipeline.datasets.files.quoting import names_shown, shown
from wbrag_pipeline.datasets.label_keys import label_key

Fields = dict[str, Any]


class BadShape(Exception):
    """Why a row is not read as its shape, in words; the field; what to do."""

    def __init__(self, problem: str, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.field, self.hint = problem, field, hint


def one_row(fields: Fields) -> Iterator[Fields]:
    """The one row that a row is."""
    yield fields


@dataclass(frozen=True)
class Shape:
    """What rows of one origin look like.

    told_by: fields that every such row has. columns: for each name here the fields that may hold it, the first that a
    row has. unfold: gives the rows that one row stands for. numbered: whether a row may be without an id, and then has
    its source and a number in it. refused: why such rows are not read, and what to do.
    """

    name: str
    told_by: frozenset[str]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unfold: Callable[[Fields], Iterator[Fields]] = one_row
    numbered: bool = False
    note: str = ""
    refused: tuple[str, str] | None = None

    def columns_in(self, fields: Collection[str]) -> dict[str, str]:
        """For each name here the field that holds it in a row with these fields; the usual one where none does."""
        return {
            ours: next((name for name in names if name in fields), names[0]) for ours, names in self.columns.items()
        }

    @property
    def names(self) -> frozenset[str]:
        """All fields that it speaks of."""
        return self.told_by.union(*self.columns.values())


class ShapedRow(NamedTuple):
    """A row with the shape that tells which of its fields mean what: ``columns``, from the names here."""

    shape: Shape
    fields: Fields
    columns: Mapping[str, str]

    def column(self, ours: str) -> str:
        """The field that holds what is called ``ours`` here."""
        return self.columns.get(ours, ours)


class Shapes:
    """The shapes that a reader knows, ``usual`` for rows that are like none; or the one that a map of columns makes."""

    def __init__(self, shapes: Sequence[Shape], usual: Shape, given: ColumnMap, others: Iterable[str] = ()) -> None:
        self._given, self._usual = given, usual
        if given:
            columns = {**usual.columns, **{ours: (theirs,) for ours, theirs in given.pairs}}
            self._usual = Shape("--map", frozenset(), columns)
            shapes = [self._usual]
        self._shapes = tuple(shapes)
        self._all = (*self._shapes, self._usual)
        self._names = frozenset(others).union(*(shape.names for shape in self._all))
        # Rows of a file have few sets of fields, and there may be millions of rows.
        self._plan = lru_cache(maxsize=1024)(self._planned)
        self._columns = lru_cache(maxsize=1024)(self._columns_of)

    @property
    def columns(self) -> frozenset[str]:
        """Fields that are read, in small letters unless they are given."""
        return self._names | self._given.columns

    def rows(self, fields: Fields) -> Iterator[ShapedRow]:
        """The rows that one row of the file stands for. Raises BadShape."""
        shape, renamed = self._plan(tuple(fields))
        if renamed:
            fields = {renamed.get(name, name): value for name, value in fields.items()}
        for _, theirs in self._given.pairs:
            fields = with_inner(fields, theirs)
            if theirs not in fields:
                raise BadShape("is missing", theirs, f"--map names it; fields here: {names_shown(fields)}")
        if shape.refused:
            raise BadShape(f"looks like {shape.name}: {shape.refused[0]}", None, shape.refused[1])
        for row in shape.unfold(fields):
            yield ShapedRow(shape, row, self._columns(shape.name, tuple(row)))

    def _columns_of(self, shape: str, names: tuple[str, ...]) -> dict[str, str]:
        return next(known for known in self._all if known.name == shape).columns_in(names)

    def _planned(self, names: tuple[str, ...]) -> tuple[Shape, dict[str, str]]:
        """The shape of rows with these fields, and the fields that are written in other letters than it is."""
        renamed = {
            name: plain
            for name in names
            if name not in self._names
            and (plain := name.strip().casefold()) in self._names
            and name not in self._given.columns
        }
        plain_names = [renamed.get(name, name) for name in names]
        if len(set(plain_names)) < len(names):
            twice = next(name for name in plain_names if plain_names.count(name) > 1)
            raise BadShape("stands twice, in small and in capital letters", twice, "write it once")
        there = frozenset(plain_names)
        return next((shape for shape in self._shapes if shape.told_by <= there), self._usual), renamed


def beside(outer: Fields, inner: Mapping[str, Any]) -> Fields:
    """The fields of an inner object laid beside those of its row; the row's own stay.

    Raises BadShape where both state labels: neither may be lost.
    """
    both = [next((key for key in fields if label_key(key)), None) for fields in (outer, inner)]
    if all(both):
        raise BadShape(f"has access labels twice, as {shown(both[0])} and inside as {shown(both[1])}", both[0])
    return {**inner, **outer}
