"""What a store must be able to do for units to be published to it, and how one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import polars as pl

from wbrag_pipeline.publishing.published_rows import UnitRows
from wbrag_pipeline.publishing.target_address import TargetAddress
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.retrieval.stores.store_errors import in_words_of


class UnitTarget(Protocol):
    """A collection or table of the user's own. What was not written by us is never changed."""

    @property
    def there(self) -> bool:
        """Whether the collection or table is there."""

    @property
    def columns(self) -> TargetColumns:
        """What of the target holds what of a unit, given or found; what it has none for is left out."""

    def lacks(self, rows: UnitRows) -> list[str]:
        """What must be made in the target before these rows can be written, in words; [] where nothing must.

        Raises InputError where they cannot be written at all: other dimensions, a column that cannot be filled.
        """

    def make(self, rows: UnitRows) -> None:
        """Make what it ``lacks``."""

    def write(self, rows: UnitRows) -> None:
        """Write the rows; those that are there already are replaced."""

    def held(self, benchmark: str) -> pl.DataFrame:
        """What is there of a benchmark of this name, of any home, as HELD; empty where the collection is missing."""

    def remove(self, held: pl.DataFrame) -> None:
        """Take out these rows (HELD), and nothing else."""

    @property
    def keeps(self) -> str:
        """Where the store may keep what was removed for some time, in a sentence; "" where it does not."""

    def close(self) -> None:
        """Let go of the connection."""


@contextmanager
def opened_target(address: TargetAddress, columns: TargetColumns) -> Iterator[UnitTarget]:
    """Open a target for the block; nothing is made, no folder either, before ``UnitTarget.make``.

    Raises VectorStoreError where the store cannot be reached or refuses, MissingPartError where its client is not
    installed, InputError where the columns do not fit.
    """
    with in_words_of(address):
        target = _open(address, columns)
    try:
        with in_words_of(address):
            yield target
    finally:
        target.close()


def _open(address: TargetAddress, columns: TargetColumns) -> UnitTarget:
    if address.kind == "qdrant":
        from wbrag_pipeline.publishing.qdrant_target import QdrantTarget

        return QdrantTarget(address, columns)
    if address.kind == "pgvector":
        from wbrag_pipeline.publishing.pgvector_target import PgvectorTarget

        return PgvectorTarget(address, columns)
    from wbrag_pipeline.publishing.lancedb_target import LanceTarget

    return LanceTarget(address, columns)
