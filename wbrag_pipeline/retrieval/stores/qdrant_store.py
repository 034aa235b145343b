"""Qdrant: a collection of points whose ids are the positions.

A server by its URL (a key is read from QDRANT_API_KEY), or a folder of the client's local mode, which one process has
at a time and which keeps everything in memory. Source: python-client.qdrant.tech.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.exact_scores import candidate_arrays, in_order
from wbrag_pipeline.retrieval.stores.index_kinds import known_kind
from wbrag_pipeline.retrieval.stores.store_errors import in_words_of
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.store_address import StoreAddress, connect_qdrant, load_qdrant

_LABEL_SET = "label_set"
_MOST_EXACT = 100_000
# Nodes of the graph that an approximate search looks at.
_NODES = 256
_AT_ONCE = 256


class QdrantBackend:
    """A ``StoreBackend``; one client for all of its collections."""

    keeps = "the collection is dropped; snapshots of it may keep the vectors"

    def __init__(self, address: StoreAddress) -> None:
        self.models = load_qdrant().models
        self._address = address
        self._client: Any = None
        self._opening = threading.Lock()

    def check(self) -> None:
        """As the protocol says."""
        with in_words_of(self._address):
            self.client().get_collections()

    def kind_of(self, kind: str, count: int, dimension: int) -> str:
        """As the protocol says; ``auto`` is exact for up to 100,000 vectors, and HNSW beyond; a folder is exact."""
        most_exact = _MOST_EXACT if self._address.folder is None else count
        return known_kind(kind, ("flat", "hnsw"), "Qdrant", count, most_exact, "hnsw")

    def create(self, folder: Path, name: str, vectors: Written, kind: str) -> None:
        """As the protocol says."""
        space = self.models.VectorParams(size=vectors.dimension, distance=self.models.Distance.DOT)
        with in_words_of(self._address), _quietly():
            client = self.client()
            client.create_collection(name, vectors_config=space)
            if self._address.folder is None:  # or every filtered search would look at every payload
                client.create_payload_index(name, _LABEL_SET, self.models.PayloadSchemaType.INTEGER)
            for first, part, label_sets in vectors.blocks():
                for start in range(0, len(part), _AT_ONCE):
                    rows = slice(start, start + _AT_ONCE)
                    numbers = label_sets[rows].tolist()
                    batch = self.models.Batch(
                        ids=list(range(first + start, first + start + len(numbers))),
                        vectors=part[rows].tolist(),
                        payloads=[{_LABEL_SET: number} for number in numbers],
                    )
                    client.upsert(name, batch, wait=True)

    def open(self, folder: Path, name: str, dimension: int, kind: str) -> QdrantStore:
        """As the protocol says."""
        with in_words_of(self._address):
            client = self.client()
            if not client.collection_exists(name):
                raise IntegrityError(folder, f"{self._address} has no collection {name}")
            size = client.count(name, exact=True).count
            there = client.get_collection(name).config.params.vectors.size
        if there != dimension:
            raise IntegrityError(folder, f"{self._address} has vectors of {there} numbers in {name}, not {dimension}")
        return QdrantStore(self, self._address, name, dimension, size, kind)

    def drop(self, name: str) -> None:
        """As the protocol says."""
        with in_words_of(self._address):
            self.client().delete_collection(name)

    def close(self) -> None:
        """As the protocol says."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def client(self) -> Any:
        """The client; the folder of the local mode is locked for as long as it is open."""
        with self._opening:
            if self._client is None:
                self._client = connect_qdrant(self._address)
            return self._client


class QdrantStore:
    """A ``VectorStore`` over one collection."""

    keeps_vectors = True

    def __init__(
        self, backend: QdrantBackend, address: StoreAddress, name: str, dimension: int, size: int, kind: str
    ) -> None:
        models = backend.models
        self._backend, self._address, self._name = backend, address, name
        # The local mode knows nothing else than exact search, and says so where it is told.
        how = models.SearchParams(exact=True) if kind == "flat" else models.SearchParams(hnsw_ef=_NODES)
        self._how = how if address.folder is None else None
        self.dimension, self._size = dimension, size

    def __len__(self) -> int:
        return self._size

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """As the protocol says."""
        models = self._backend.models
        chosen = None
        if visible is not None:
            condition = models.FieldCondition(key=_LABEL_SET, match=models.MatchAny(any=visible.sets))
            chosen = models.Filter(must=[condition])
            if not visible.sets:  # which Qdrant would take for no condition
                return candidate_arrays(queries, width, [])
        asked = [
            models.QueryRequest(
                query=query.tolist(),
                limit=width,
                filter=chosen,
                with_vector=True,
                params=self._how,
            )
            for query in queries
        ]
        with in_words_of(self._address):
            replies = self._backend.client().query_batch_points(self._name, requests=asked) if asked else []
        found = [[(int(point.id), point.vector) for point in reply.points] for reply in replies]
        return candidate_arrays(queries, width, found)

    def vectors_at(self, positions: Positions) -> Vectors:
        """As the protocol says."""
        found = []
        with in_words_of(self._address):
            for start in range(0, len(positions), _AT_ONCE):
                ids = positions[start : start + _AT_ONCE].tolist()
                points = self._backend.client().retrieve(self._name, ids, with_payload=False, with_vectors=True)
                found += [(int(point.id), np.asarray(point.vector, dtype=np.float32)) for point in points]
        return in_order(positions, found, self.dimension, str(self._address))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the local mode's word on its size, which the documentation says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Local mode is not recommended")
        yield
