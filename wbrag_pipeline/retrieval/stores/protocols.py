"""What a store of vectors must be able to do. ``testing.StoreConformance`` checks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.protocols import Vectors

Positions: TypeAlias = npt.NDArray[np.int64]
LabelSetNumbers: TypeAlias = npt.NDArray[np.int32]


class VectorStore(Protocol):
    """One collection of vectors that never changes, each known by its position, which counts from 0."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def __len__(self) -> int:
        """How many vectors there are."""

    @property
    def exact(self) -> bool:
        """Whether it keeps vectors as they were added, so that scores are their inner products.

        A store that quantises them gives scores of what it keeps.
        """

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """For each query the ``width`` best candidates, in any order: scores and positions, both [queries, width].

        Where there are fewer, the position is -1 and the score minus infinity.

        visible: what may be found; None is all. What may not is left out while the store searches, so that ``width``
            visible ones are found where there are as many.
        """

    def vectors_at(self, positions: Positions) -> Vectors:
        """Vectors [positions, dimension] in that order; approximations where the store keeps no others."""

    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(frozen=True)
class Written:
    """Vectors on their way into a store, in the order of their positions.

    parts: arrays [rows, dimension]; may be gone through more than once.
    label_sets: [vectors], the number of each vector's set of access labels.
    """

    dimension: int
    parts: Iterable[Vectors]
    label_sets: LabelSetNumbers

    def __len__(self) -> int:
        return len(self.label_sets)

    def blocks(self) -> Iterator[tuple[int, Vectors, LabelSetNumbers]]:
        """The parts with their first position and their label sets' numbers, until all are there."""
        start = 0
        for part in self.parts:
            yield start, part, self.label_sets[start : start + len(part)]
            start += len(part)


class StoreBackend(Protocol):
    """Where collections lie: a folder, a database, a cluster. Every method may raise VectorStoreError."""

    def check(self) -> None:
        """Raise VectorStoreError where the store cannot be reached."""

    def create(self, folder: Path, name: str, vectors: Written) -> None:
        """Write a collection that is not there yet. It need not be whole before this returns.

        folder: the index' folder, for stores that keep their vectors in it. name: for those that do not.
        """

    def open(self, folder: Path, name: str, dimension: int) -> VectorStore:
        """A collection for searching. Raises IntegrityError where it is missing or no such collection."""

    def drop(self, name: str) -> None:
        """Take a collection away; nothing where there is none of that name."""

    @property
    def keeps(self) -> str:
        """Where the store may keep what was dropped for some time, in a sentence; "" where it does not."""

    def close(self) -> None:
        """Let go of every connection."""
