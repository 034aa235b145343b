"""From an address to the store that is there. A store is connected to once in a process, and let go of at its end."""

from __future__ import annotations

import atexit
import threading

from wbrag_pipeline.retrieval.stores.faiss_store import FaissBackend
from wbrag_pipeline.retrieval.stores.protocols import StoreBackend
from wbrag_pipeline.store_address import FAISS, StoreAddress

_opened: dict[StoreAddress, StoreBackend] = {}
_opening = threading.Lock()


def backend_at(address: StoreAddress) -> StoreBackend:
    """The backend of an address. Nothing is reached before it is first used.

    Raises MissingPartError where its client is not installed.
    """
    with _opening:
        if address not in _opened:
            _opened[address] = _made(address)
        return _opened[address]


@atexit.register
def close_backends() -> None:
    """Let go of every connection; the next use opens it again."""
    with _opening:
        for backend in _opened.values():
            backend.close()
        _opened.clear()


def _made(address: StoreAddress) -> StoreBackend:
    if address == FAISS:
        return FaissBackend()
    if address.kind == "lancedb":
        from wbrag_pipeline.retrieval.stores.lancedb_store import LanceBackend

        return LanceBackend(address)
    if address.kind == "pgvector":
        from wbrag_pipeline.retrieval.stores.pgvector_store import PgvectorBackend

        return PgvectorBackend(address)
    from wbrag_pipeline.retrieval.stores.qdrant_store import QdrantBackend

    return QdrantBackend(address)
