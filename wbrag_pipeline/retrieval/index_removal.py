"""An index without some of its vectors, made from the index itself: no encoder is loaded and nothing encoded again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.index import Manifest, build_index, open_index, read_manifest
from wbrag_pipeline.retrieval.protocols import Vectors

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class _Space:
    """The vector space that a manifest names."""

    name: str
    dimension: int
    fingerprint: str


def without_ids(folder: Path, ids: Collection[str], target: Path) -> Manifest:
    """Write into ``target`` the index in ``folder`` less the vectors of ``ids``.

    The result is that of building an index of what is left, byte for byte where the index keeps its vectors (Flat);
    FAISS' own removal leaves holes in some kinds of index and cannot do others.

    Raises NotBuiltError and IntegrityError as ``open_index`` does.
    """
    manifest = read_manifest(folder)
    space = _Space(manifest.encoder, manifest.dimension, manifest.encoder_fingerprint)
    index = open_index(folder, space)
    keep = ~index.ids.is_in(list(ids))
    rows = np.flatnonzero(keep.to_numpy())
    kept = _Kept(index.stored, rows, manifest.dimension)
    return build_index(kept, index.ids.filter(keep), target, space, manifest.factory, labels=index.labels.filter(keep))


@dataclass(frozen=True)
class _Kept:
    """Some vectors of a FAISS index in order, as arrays [rows, dimension]; may be gone through more than once."""

    index: Any
    rows: npt.NDArray[np.int64]
    dimension: int

    def __iter__(self) -> Iterator[Vectors]:
        faiss = load_faiss()
        if (lists := faiss.try_extract_index_ivf(self.index)) is not None:
            lists.make_direct_map()
        for start in range(0, len(self.rows), _ROWS_AT_ONCE):
            yield self.index.reconstruct_batch(self.rows[start : start + _ROWS_AT_ONCE])
