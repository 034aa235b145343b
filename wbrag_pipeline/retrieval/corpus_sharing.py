"""Into which collection of a store the next state of a corpus goes: that of the state before it, or a new one.

The state goes on from the newest one in the collection of the state that is served, which may be another than the
served one: a killed refresh has made a state that nobody serves, and a corpus may be again what it was before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.retrieval.index import Manifest, open_index, read_manifest
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.row_sharing import Sharing, taking_over
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.retrieval.stores.versions import StateStore

if TYPE_CHECKING:
    from wbrag_pipeline.retrieval.corpus import CorpusState

_log = logging.getLogger(__name__)


@contextmanager
def going_into(
    collections: Collections, served: CorpusState | None, passages: Path, encoder: Encoder, kind: str
) -> Iterator[tuple[str, Sharing | None]]:
    """The collection's name, "" in the home, and how states share it, None where they do not.

    served: the state that is served. passages: PASSAGES of the next one. kind: of its index.
    """
    if not collections.versioned:
        with collections.making() as name:
            yield name, None
        return
    found = None
    try:
        found = _going_on(collections, served, passages, encoder, kind) if served else None
    except (WbragError, OSError) as error:  # a new collection is always right
        _log.info("a new collection is made in %s: %s", collections.store, error)
    if found is not None:
        with collections.adding_to(found[0], found[1].version) as name:
            yield name, found[1]
        return
    first = Sharing.first(encoder.arithmetic)
    with collections.making(first.version) as name:
        yield name, first


def _going_on(
    collections: Collections, served: CorpusState, passages: Path, encoder: Encoder, kind: str
) -> tuple[str, Sharing] | None:
    name = read_manifest(served.folder).collection
    state, manifest = _newest(served, name)
    table = pl.read_parquet(passages, columns=["content_hash", "labels"])
    factory = backend_at(collections.store).kind_of(kind, table.height, encoder.dimension)
    if manifest.factory != factory or manifest.address != collections.store:
        return None
    if not manifest.version or not collections.may_add_to(name, manifest.version):
        return None
    state.check()
    index = open_index(state.folder, encoder)
    slots = index.store.slots if isinstance(index.store, StateStore) else None
    if slots is None or slots.arithmetic != encoder.arithmetic:
        return None
    hashes = pl.read_parquet(state.passages, columns=["content_hash"])["content_hash"]
    sharing = taking_over(slots, manifest.version, (hashes, index.label_sets), (table["content_hash"], table["labels"]))
    return (name, sharing) if sharing is not None else None


def _newest(served: CorpusState, name: str) -> tuple[CorpusState, Manifest]:
    """The state with the last version in a collection, of those that lie beside the served one."""
    folders = [folder for folder in served.folder.parent.glob("[0-9a-f]*") if folder.is_dir()]
    states = [(replace(served, folder=folder), read_manifest(folder)) for folder in folders]
    return max((state for state in states if state[1].collection == name), key=lambda state: state[1].version)
