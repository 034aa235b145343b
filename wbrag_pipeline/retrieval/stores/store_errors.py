"""What a store of vectors or its client raises, as an error of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wbrag_pipeline.errors import VectorStoreError, WbragError
from wbrag_pipeline.store_address import StoreAddress, without_secrets

_CLIENTS = {"psycopg", "psycopg_pool", "qdrant_client", "httpx", "httpcore", "lancedb", "grpc"}


@contextmanager
def in_words_of(address: StoreAddress) -> Iterator[None]:
    """Turn what a store or its client raises into a VectorStoreError without passwords."""
    try:
        yield
    except WbragError:
        raise
    except Exception as error:
        if not _is_of_a_store(error):
            raise
        # The first line: the others may repeat a row.
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise VectorStoreError(str(address), without_secrets(said)[:300]) from None


def _is_of_a_store(error: Exception) -> bool:
    """Whether a client library raised it, or the system did: the others are faults of this program."""
    kinds = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    if kinds & _CLIENTS:
        return True
    # Lance, and Qdrant's local mode, raise built-in kinds, as a full disk of the home does.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised_in = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return raised_in.split(".")[0] in ("psycopg", "qdrant_client", "lancedb", "portalocker")
