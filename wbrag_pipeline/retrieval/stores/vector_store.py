"""What a store of vectors must be able to do. ``testing.StoreConformance`` checks it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.written import Written


class VectorStore(Protocol):
    """One collection of vectors that never changes, each known by its position, which counts from 0."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def __len__(self) -> int:
        """How many vectors there are."""

    @property
    def keeps_vectors(self) -> bool:
        """Whether vectors are kept as they were added, so that scores are their inner products.

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


class StoreBackend(Protocol):
    """Where collections lie: a folder, a database, a cluster. Every method may raise VectorStoreError."""

    def check(self) -> None:
        """Raise VectorStoreError where the store cannot be reached."""

    def kind_of(self, kind: str, count: int, dimension: int) -> str:
        """The store's own name for a kind of index of so many vectors.

        kind: ``auto``, ``flat`` (exact), ``ivf``, ``hnsw``, or what only this store knows. Raises InputError for what
        it does not know.
        """

    def create(self, folder: Path, name: str, vectors: Written, kind: str) -> None:
        """Write a collection that is not there yet. It need not be whole before this returns.

        folder: the index' folder, for stores that keep their vectors in it. name: for those that do not.
        kind: what ``kind_of`` gave.
        """

    def open(self, folder: Path, name: str, dimension: int, kind: str) -> VectorStore:
        """A collection for searching. Raises IntegrityError where it is missing or no such collection."""

    def drop(self, name: str) -> None:
        """Take a collection away; nothing where there is none of that name."""

    @property
    def keeps(self) -> str:
        """Where the store may keep what was dropped for some time, in a sentence; "" where it does not."""

    def close(self) -> None:
        """Let go of every connection."""
