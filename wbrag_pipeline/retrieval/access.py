"""Who may see what: the labels of an index' vectors, and the reader who asks.

A reader sees a vector when he has all of its labels. Where nothing is labelled, nothing is restricted. Where something
is, a search must say who reads, or say ``UNRESTRICTED``: forgetting to ask is an error, never a look at everything.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.datasets.access_labels import tidy_labels

# Between the labels of one set; no label holds it.
_BETWEEN = ";"
# Readers of whom it is kept what they may see: one byte a vector and reader.
_READERS = 32


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
    mask: [vectors], True where he may see.
    """

    def __init__(self, sets: list[int], mask: npt.NDArray[np.bool_]) -> None:
        self.sets = sets
        self.mask = mask
        self.count = int(np.count_nonzero(mask))


class LabelSets:
    """The label set of every vector by position: few distinct sets, and a number for each vector.

    labels: List(String), one row a vector.
    """

    def __init__(self, labels: pl.Series) -> None:
        joined = labels.list.sort().list.join(_BETWEEN)
        distinct = joined.unique().sort()
        self._sets = [frozenset(filter(None, text.split(_BETWEEN))) for text in distinct]
        # The number of each vector's set.
        self.numbers: npt.NDArray[np.int32] = distinct.search_sorted(joined).to_numpy().astype(np.int32)
        self._visible: dict[frozenset[str], Visible] = {}

    @property
    def any(self) -> bool:
        """Whether anything is labelled."""
        return any(self._sets)

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
            visible = self._visible[reader] = Visible(np.flatnonzero(seen).tolist(), seen[self.numbers])
        return visible
