"""Collections that go on from version to version, so that the states of a corpus share one, and a refresh writes what
changed alone.

A row of such a collection has a number, its slot, and is there from the version that added it until the version that
removes it. A search of a version sees the rows of that version, whatever later ones add or remove. Which state is
which version is written in the home, and so is which slot is whose (``slots``).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.slots import Slots
from wbrag_pipeline.retrieval.stores.vector_store import StoreBackend
from wbrag_pipeline.retrieval.stores.written import Written

# The version that removes what nobody has removed: the largest that a float holds exactly, as some stores compare them.
NEVER = 2**53 - 1
_LONGEST_STEP = 2**24


def version_after(version: int = 0) -> int:
    """A later version. By how much is drawn, so that two homes that go on from one version never mean the same."""
    return version + 1 + secrets.randbelow(_LONGEST_STEP)


@dataclass(frozen=True)
class NextVersion:
    """What one version has more and less than the one before.

    vectors: the rows that it adds, in the slots from ``first`` on; gone through to the end, also where there are none.
    gone: slots of the rows that it removes.
    """

    version: int
    first: int
    vectors: Written
    gone: Positions


class SlotStore(Protocol):
    """One version of a collection: a ``VectorStore`` by slot, in which label sets have the collection's numbers.

    Every search may raise VectorStoreError, and does so where the version is not kept any more.
    """

    keeps_vectors: bool

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def __len__(self) -> int:
        """How many vectors the version has."""

    def among(self, queries: Vectors, width: int, sets: Sequence[int] | None) -> tuple[Vectors, Positions]:
        """As ``VectorStore.nearest``, with slots, among the rows with these numbers of label sets; None is all."""

    def vectors_at(self, slots: Positions) -> Vectors:
        """As ``VectorStore.vectors_at``."""


@runtime_checkable
class VersionedBackend(StoreBackend, Protocol):
    """A ``StoreBackend`` whose collections can go on. One process changes a collection at a time; others read it."""

    def begin(self, name: str, vectors: Written, kind: str, version: int) -> None:
        """As ``create``, with these vectors as the only version; vector i gets slot i."""

    def go_on(self, name: str, base: int, change: NextVersion) -> None:
        """Add a version after ``base``. Those after ``base`` that are there go: a killed process left them.

        Versions up to ``base`` stay as they are, also where this is killed. Raises IntegrityError where ``base`` is
        not there, or a row that is to go is not in it.
        """

    def versions(self, name: str) -> set[int]:
        """The versions that are there; none where there is no collection of that name."""

    def open_version(self, folder: Path, name: str, dimension: int, kind: str, version: int) -> SlotStore:
        """As ``open``. Raises IntegrityError where the version is not there."""

    def keep_versions(self, name: str, kept: Collection[int]) -> None:
        """Delete the rows that none of these versions has, and let the other versions go.

        What versions after the last of these removed is there again. Nothing where there is no such collection.
        """

    def erase(self, name: str) -> None:
        """Have the store give up the room of deleted rows, so that nothing of them can be read from the collection.

        Nothing where there is no collection of that name.
        """


class StateStore:
    """A ``VectorStore`` over one version of a shared collection."""

    def __init__(self, rows: SlotStore, slots: Slots) -> None:
        self._rows, self.slots = rows, slots
        self.dimension, self.keeps_vectors = rows.dimension, rows.keeps_vectors

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """As the protocol says."""
        sets = None if visible is None else [self.slots.label_numbers[number] for number in visible.sets]
        scores, found = self._rows.among(queries, width, sets)
        return scores, self.slots.positions_of(found)

    def vectors_at(self, positions: Positions) -> Vectors:
        """As the protocol says."""
        return self._rows.vectors_at(self.slots.of[positions])
