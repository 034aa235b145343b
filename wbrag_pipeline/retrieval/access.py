"""Who may see what: the labels of an index' vectors, and the reader who asks.

A reader sees a vector when he has all of its labels. Where nothing is labelled, nothing is restricted. Where something
is, a search must say who reads, or say ``UNRESTRICTED``: forgetting to ask is an error, never a look at everything.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.datasets.access_labels import tidy_labels

# Between the labels of one set; no label holds it.
_BETWEEN = ";"
# Readers of whom it is kept what they may see: one bit a vector and reader.
_READERS = 32
# Vectors whose label sets are looked at together: whole bytes of bits.
_AT_ONCE = 1 << 20


class Unrestricted(Enum):
    """The reader who may see everything: training and evaluation, which choose evidence and show nobody anything."""

    UNRESTRICTED = "unrestricted"


UNRESTRICTED = Unrestricted.UNRESTRICTED

# The labels a reader has, or one who may see everything.
Principal: TypeAlias = frozenset[str] | Unrestricted


def principal_with(labels: Collection[str]) -> frozenset[str]:
    """A reader who has these labels, spelled as they are stored; blank ones are none.

    Raises TypeError for a single text, whose letters would be taken for labels.
    """
    if isinstance(labels, str):
        raise TypeError(f"labels must be a collection of labels, not the text {labels!r}")
    return frozenset(tidy_labels([label for label in labels if label.strip()]))


class Visible:
    """The vectors of an index that one reader may see.

    sets: the numbers of the label sets that he has all labels of.
    bits: one bit a vector, 1 where he may see, the lowest bit of a byte first; bits beyond the last vector are 0.
    count: how many he may see.
    """

    def __init__(self, seen: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int32]) -> None:
        self._seen, self._numbers = seen, numbers
        self.sets: list[int] = np.flatnonzero(seen).tolist()
        self.bits = np.zeros((len(numbers) + 7) // 8, dtype=np.uint8)
        self.count = 0
        for start in range(0, len(numbers), _AT_ONCE):
            mask = seen[numbers[start : start + _AT_ONCE]]
            self.bits[start // 8 : (start + len(mask) + 7) // 8] = np.packbits(mask, bitorder="little")
            self.count += int(np.count_nonzero(mask))

    def mask(self) -> npt.NDArray[np.bool_]:
        """Whether he may see each vector: a byte for each, where ``bits`` has a bit."""
        return np.unpackbits(self.bits, count=len(self._numbers), bitorder="little").astype(np.bool_)

    def holds(self, positions: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """Whether he may see each of these vectors."""
        told: npt.NDArray[np.bool_] = self._seen[self._numbers[positions]]
        return told


class LabelSets:
    """The label set of every vector by position: few distinct sets, and a number for each vector.

    texts: the distinct sets, each its labels with ";" between them; empty for what everybody may see.
    numbers: [vectors], which of them each vector has; may lie in a mapped file.
    """

    def __init__(self, texts: list[str], numbers: npt.NDArray[np.int32]) -> None:
        self.texts, self.numbers = texts, numbers
        self._sets = [frozenset(filter(None, text.split(_BETWEEN))) for text in texts]
        self._visible: dict[frozenset[str], Visible] = {}

    @property
    def any(self) -> bool:
        """Whether anything is labelled."""
        return any(self._sets)

    def lists(self) -> pl.Series:
        """The labels of every vector (List(String)), sorted, read into memory."""
        sets = pl.Series("labels", [sorted(labels) for labels in self._sets], dtype=pl.List(pl.String))
        return sets.gather(self.numbers)

    def visible_to(self, reader: Principal) -> Visible | None:
        """What the reader may see; None where that is all of it."""
        if isinstance(reader, Unrestricted):
            return None
        seen = np.array([labels <= reader for labels in self._sets], dtype=np.bool_)
        if seen.all():
            return None
        visible = self._visible.get(reader)
        if visible is None:
            if len(self._visible) >= _READERS:
                self._visible.clear()
            visible = self._visible[reader] = Visible(seen, self.numbers)
        return visible


def label_sets_of(labels: pl.Series) -> LabelSets:
    """The label sets of vectors whose labels (List(String), one row a vector) are these."""
    joined = labels.list.sort().list.join(_BETWEEN)
    distinct = joined.unique().sort()
    return LabelSets(distinct.to_list(), distinct.search_sorted(joined).to_numpy().astype(np.int32))
