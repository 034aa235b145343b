"""An index without some of its vectors, made from the index itself: no encoder is loaded and nothing encoded again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbrag_pipeline.retrieval.index import Manifest, build_index, open_index, read_manifest
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.row_sharing import Sharing
from wbrag_pipeline.retrieval.vector_search import Index


def without_ids(
    folder: Path, ids: Collection[str], target: Path, collection: str = "", sharing: Sharing | None = None
) -> Manifest:
    """Write into ``target`` the index in ``folder`` less the vectors of ``ids``, in the same store.

    The result is that of building an index of what is left, byte for byte where the index keeps its vectors;
    FAISS' own removal leaves holes in some kinds of index and cannot do others.

    collection: the name of the new one, where the store has names. sharing: how states share it, if they do.

    Raises NotBuiltError and IntegrityError as ``open_index`` does.
    """
    manifest = read_manifest(folder)
    index = open_index(folder, manifest.space)
    keep = ~index.ids.is_in(list(ids))
    kept = _Kept(index, np.flatnonzero(keep.to_numpy()))
    return build_index(
        kept,
        index.ids.filter(keep),
        target,
        manifest.space,
        manifest.factory,
        labels=index.labels.filter(keep),
        store=manifest.address,
        collection=collection,
        sharing=sharing,
    )


@dataclass(frozen=True)
class _Kept:
    """Some vectors of an index in order, as arrays [rows, dimension]; may be gone through more than once."""

    index: Index
    positions: Positions

    def __iter__(self) -> Iterator[Vectors]:
        return self.index.vectors_at(self.positions)
