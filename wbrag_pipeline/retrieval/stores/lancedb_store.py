"""LanceDB: a table in a folder or an object store, read where it lies.

``lancedb`` keeps each table in the index' folder, ``lancedb:PLACE`` all of them in one place. Keys of an object store
are read from the environment. Source: lancedb.github.io/lancedb.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.exact_scores import candidate_arrays, in_order
from wbrag_pipeline.retrieval.stores.index_kinds import known_kind
from wbrag_pipeline.retrieval.stores.store_errors import in_words_of
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.store_address import StoreAddress, load_lancedb

# The table's name where it is the only one.
_ALONE = "vectors"
_AT_ONCE = 4096
_KINDS = ("flat", "ivf", "hnsw")
_MOST_EXACT = 500_000
# As LanceDB recommends for its partitions.
_ROWS_A_LIST = 4096


class LanceBackend:
    """A ``StoreBackend``."""

    keeps = "the table's files are removed; an object store with versions keeps them"

    def __init__(self, address: StoreAddress) -> None:
        self._lancedb, self._address = load_lancedb(), address

    def check(self) -> None:
        """As the protocol says."""
        if self._address.place:
            with in_words_of(self._address):
                self._database(Path()).list_tables(limit=1)

    def kind_of(self, kind: str, count: int, dimension: int) -> str:
        """As the protocol says; ``auto`` is exact for up to 500,000 vectors, and IVF beyond."""
        return known_kind(kind, _KINDS, "LanceDB", count, _MOST_EXACT, "ivf")

    def create(self, folder: Path, name: str, vectors: Written, kind: str) -> None:
        """As the protocol says; the table appears whole."""
        schema = pa.schema(
            [
                pa.field("position", pa.int64(), nullable=False),
                pa.field("label_set", pa.int32(), nullable=False),
                pa.field("vector", pa.list_(pa.float32(), vectors.dimension), nullable=False),
            ]
        )
        source = _Batches(vectors, schema)
        batches = pa.RecordBatchReader.from_batches(schema, iter(source))
        with in_words_of(self._address):
            try:
                table = self._database(folder).create_table(name or _ALONE, data=batches, schema=schema)
                if kind != "flat" and len(vectors):
                    table.create_index("vector", config=_config(kind, len(vectors)))
            except Exception as error:
                raise source.problem or error from None

    def open(self, folder: Path, name: str, dimension: int, kind: str) -> LanceStore:
        """As the protocol says."""
        name = name or _ALONE
        with in_words_of(self._address):
            database = self._database(folder)
            if name not in database.list_tables().tables:
                raise IntegrityError(folder, f"{self._address} has no table {name}")
            table = database.open_table(name)
            there = table.schema.field("vector").type.list_size
            if there != dimension:
                problem = f"{self._address} has vectors of {there} numbers in {name}, not {dimension}"
                raise IntegrityError(folder, problem)
            return LanceStore(self._address, table, dimension, table.count_rows(), kind)

    def drop(self, name: str) -> None:
        """As the protocol says."""
        if self._address.place:
            with in_words_of(self._address):
                self._database(Path()).drop_table(name, ignore_missing=True)

    def close(self) -> None:
        """Nothing is open."""

    def _database(self, folder: Path) -> Any:
        return self._lancedb.connect(self._address.place or str(folder))


class LanceStore:
    """A ``VectorStore`` over one table."""

    keeps_vectors = True

    def __init__(self, address: StoreAddress, table: Any, dimension: int, size: int, kind: str) -> None:
        self._address, self._table, self._kind = address, table, kind
        self.dimension, self._size = dimension, size

    def __len__(self) -> int:
        return self._size

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """As the protocol says."""
        if visible is not None and not visible.sets:
            return candidate_arrays(queries, width, [])
        found = []
        with in_words_of(self._address):
            for query in queries:
                search = self._table.search(query, vector_column_name="vector").distance_type("dot")
                search = search.limit(width).select(["position", "vector", "_distance"])
                if visible is not None:
                    search = search.where(f"label_set IN ({', '.join(map(str, visible.sets))})", prefilter=True)
                if (
                    visible is not None or self._kind == "flat"
                ):  # lists that are looked at may hold too few visible ones
                    search = search.bypass_vector_index()
                else:
                    search = search.nprobes(max(20, self._size // _ROWS_A_LIST // 16))
                found.append(list(_rows(search.to_arrow())))
        return candidate_arrays(queries, width, found)

    def vectors_at(self, positions: Positions) -> Vectors:
        """As the protocol says."""
        found = []
        with in_words_of(self._address):
            for start in range(0, len(positions), _AT_ONCE):
                taken = self._table.take_offsets(positions[start : start + _AT_ONCE].tolist())
                found += list(_rows(taken.select(["position", "vector"]).to_arrow()))
        return in_order(positions, found, self.dimension, str(self._address))


def _config(kind: str, count: int) -> Any:
    from lancedb.index import HnswFlat, IvfFlat

    chosen = {"ivf": IvfFlat, "hnsw": HnswFlat}[kind]
    return chosen(distance_type="dot", num_partitions=max(1, count // _ROWS_A_LIST))


def _rows(table: pa.Table) -> Iterator[tuple[int, Vectors]]:
    vectors = table["vector"].combine_chunks()
    numbers = vectors.values.to_numpy().reshape(len(table), -1) if len(table) else np.zeros((0, 1), np.float32)
    return zip(table["position"].to_pylist(), numbers, strict=True)


class _Batches:
    """Vectors as Arrow's batches. Lance tells an error of theirs as one of its own, so it is kept.

    problem: what broke off the reading of the vectors.
    """

    def __init__(self, vectors: Written, schema: pa.Schema) -> None:
        self._vectors, self._schema = vectors, schema
        self.problem: BaseException | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for start, part, label_sets in self._vectors.blocks():
                numbers = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), self._vectors.dimension)
                columns = [pa.array(np.arange(start, start + len(part))), pa.array(label_sets), numbers]
                yield pa.RecordBatch.from_arrays(columns, schema=self._schema)
        except GeneratorExit:
            raise
        except BaseException as error:
            self.problem = error
            raise
