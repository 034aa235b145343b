"""Into which collection of a store the next state of a corpus goes: that of the state before it, or a new one.

The state goes on from the newest one in the collection of the state that is served, which may be another than the
served one: a killed refresh has made a state that nobody serves, and a corpus may be again what it was before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.retrieval.index import Manifest, open_index, read_manifest
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.row_sharing import Sharing, taking_over
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.retrieval.stores.versions import StateStore

_log = logging.getLogger(__name__)


@contextmanager
def going_into(
    collections: Collections, served: Path | None, passages: Path, encoder: Encoder, kind: str
) -> Iterator[tuple[str, Sharing | None]]:
    """The collection's name, "" in the home, and how states share it, None where they do not.

    served: the state that is served, a whole folder. passages: PASSAGES of the next one. kind: of its index.
    """
    if not collections.versioned:
        with collections.making() as name:
            yield name, None
        return
    found = None
    try:
        found = _going_on(collections, served, passages, encoder, kind) if served else None
    except WbragError as error:  # a new collection is always right
        _log.info("a new collection is made in %s: %s", collections.store, error)
    if found is not None:
        with collections.adding_to(found[0], found[1].version) as name:
            yield name, found[1]
        return
    first = Sharing.first(encoder.arithmetic)
    with collections.making(first.version) as name:
        yield name, first


def _going_on(
    collections: Collections, served: Path, passages: Path, encoder: Encoder, kind: str
) -> tuple[str, Sharing] | None:
    name = read_manifest(served).collection
    folder, manifest = _newest(served, name)
    table = pl.read_parquet(passages, columns=["content_hash", "labels"])
    factory = backend_at(collections.store).kind_of(kind, table.height, encoder.dimension)
    if manifest.factory != factory or manifest.address != collections.store:
        return None
    if not manifest.version or not collections.may_add_to(name, manifest.version):
        return None
    index = open_index(folder, encoder)
    slots = index.store.slots if isinstance(index.store, StateStore) else None
    if slots is None or slots.arithmetic != encoder.arithmetic:
        return None
    hashes = pl.read_parquet(folder / "passages.parquet", columns=["content_hash"])["content_hash"]
    if len(hashes) != len(index):
        return None
    sharing = taking_over(slots, manifest.version, (hashes, index.label_sets), (table["content_hash"], table["labels"]))
    return (name, sharing) if sharing is not None else None


def _newest(served: Path, name: str) -> tuple[Path, Manifest]:
    """The state with the last version in a collection, of those that lie beside the served one."""
    states = [(folder, read_manifest(folder)) for folder in served.parent.glob("[0-9a-f]*") if folder.is_dir()]
    return max(((folder, one) for folder, one in states if one.collection == name), key=lambda state: state[1].version)
