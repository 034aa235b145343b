"""Searching one index so that the same vectors always give the same results.

FAISS alone does not: it adds up an inner product in another order for one query than for a batch of them, so the last
bits of a score depend on the company, and among equal scores it keeps whichever its heap happened to keep. Here a few
more candidates are fetched than are wanted, an exact index' scores are computed again in float64, and ties go to the
vector that was added first.

What a reader may not see is left out by FAISS while it searches, not afterwards: as many results come back as there are
visible ones, and the invisible ones decide nothing, neither rank nor number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.access import LabelSets, Visible
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.protocols import Vectors

Positions = npt.NDArray[np.int64]

# Candidates beyond the wanted ones: enough that equal scores at the border are rarely cut.
_MARGIN = 16
# More copies of one passage than this are not told apart by position; also FAISS' limit on a GPU.
_MOST_CANDIDATES = 2048
# Scores closer than this may have come from FAISS in either order: ten times the rounding of a float32 sum.
_ROUNDING = 1e-5
# Numbers of candidate vectors in memory at a time, as float64: 64 MiB.
_RESCORED_AT_ONCE = 8 * 1024 * 1024
# So few visible vectors are all looked at: an approximate index finds them badly among the invisible ones.
_FEW_VISIBLE = 20_000


class Index:
    """Vectors and their ids, opened by ``open_index``.

    dimension: length of a vector.
    ids: the id of each vector, by position.
    labels: the access labels of each vector, by position (List(String)).
    stored: FAISS' own index, as it was read.
    """

    def __init__(self, dimension: int, ids: pl.Series, labels: pl.Series, index: Any) -> None:
        faiss = load_faiss()
        self.dimension = dimension
        self.ids = ids
        self.labels = labels
        self.label_sets = LabelSets(labels)
        # Only an index that keeps the vectors as they were can say what their exact products are.
        self._exact = index if isinstance(index, faiss.IndexFlat) else None
        _widen_approximate_search(faiss, index)
        # FAISS filters on the CPU alone, so a restricted search does not use the copy on the GPUs.
        self.stored = index
        self._index = faiss.index_cpu_to_all_gpus(index) if faiss.get_num_gpus() > 0 else index

    def __len__(self) -> int:
        return len(self.ids)

    def vectors(self) -> Vectors | None:
        """All vectors [vectors, dimension] as they were added; None where the index does not keep them so."""
        if self._exact is None:
            return None
        if not len(self):
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors: Vectors = self._exact.reconstruct_n(0, len(self))
        return vectors

    def search(self, vectors: Vectors, top_k: int, visible: Visible | None = None) -> tuple[Vectors, Positions]:
        """The nearest by inner product: scores and positions, both [queries, min(top_k, vectors that are visible)].

        Rows are ordered by score, highest first, and then by position. Where an approximate index finds fewer,
        the position is -1 and the score minus infinity; in a restricted search it never does.

        visible: [vectors], the only ones that may be found; None is all.

        Raises ValueError for vectors of another dimension, or top_k under 1; InputError when FAISS cannot filter this
        kind of index.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"query vectors of shape {vectors.shape}, not [queries, {self.dimension}]")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        there = len(self) if visible is None else int(np.count_nonzero(visible))
        wanted = min(top_k, there)
        scores = np.full((len(vectors), wanted), -np.inf, dtype=np.float32)
        positions = np.full((len(vectors), wanted), -1, dtype=np.int64)
        rows = np.arange(len(vectors))
        width = wanted + _MARGIN
        while wanted and len(rows):
            width = min(width, there)
            found, where, undecided = self._candidates(vectors[rows], wanted, width, visible)
            scores[rows], positions[rows] = found, where
            if width >= min(there, max(_MOST_CANDIDATES, wanted + _MARGIN)):
                break
            rows, width = rows[undecided], min(width * 4, max(_MOST_CANDIDATES, wanted + _MARGIN))
        return scores, positions

    def _candidates(
        self, vectors: Vectors, wanted: int, width: int, visible: Visible | None
    ) -> tuple[Vectors, Positions, npt.NDArray[np.bool_]]:
        """The best ``wanted`` among ``width`` candidates, and whether others could have had the last one's score."""
        found = np.empty((len(vectors), width), dtype=np.float32)
        where = np.empty((len(vectors), width), dtype=np.int64)
        lookup = self._index.search if visible is None else _filtered(load_faiss(), self.stored, visible, wanted)
        step = max(1, _RESCORED_AT_ONCE // (width * self.dimension))
        for start in range(0, len(vectors), step):
            block = slice(start, start + step)
            queries = np.ascontiguousarray(vectors[block], dtype=np.float32)
            found[block], where[block] = lookup(queries, width)
            if self._exact is not None:
                candidates = self._exact.reconstruct_batch(where[block].ravel())
                candidates = candidates.reshape(len(queries), width, self.dimension).astype(np.float64)
                found[block] = np.einsum("qd,qkd->qk", queries.astype(np.float64), candidates)
        found[where < 0] = -np.inf
        order = np.lexsort((where, -found), axis=-1)
        found, where = np.take_along_axis(found, order, axis=1), np.take_along_axis(where, order, axis=1)
        undecided = (found[:, -1] > -np.inf) & (found[:, wanted - 1] <= found[:, -1] + _ROUNDING)
        return found[:, :wanted], where[:, :wanted], undecided


Lookup = Callable[[Vectors, int], tuple[Vectors, Positions]]


def _filtered(faiss: Any, index: Any, visible: Visible, wanted: int) -> Lookup:
    """``index.search`` among the visible vectors alone, which gives at least ``wanted`` of them to each query."""
    selector = faiss.IDSelectorBitmap(np.packbits(visible, bitorder="little"))
    few = int(np.count_nonzero(visible)) <= _FEW_VISIBLE

    def lookup(queries: Vectors, width: int) -> tuple[Vectors, Positions]:
        try:
            if few:
                return _among_all(faiss, index, queries, width, selector)
            found, where = index.search(queries, width, params=_parameters(faiss, index, selector))
            short = where[:, wanted - 1] < 0
            if short.any():
                found[short], where[short] = _among_all(faiss, index, queries[short], width, selector)
        except RuntimeError as error:
            hint = "index the corpus with Flat, or a kind of IVF or HNSW"
            raise InputError(f"FAISS cannot search {type(index).__name__} by labels", hint=hint) from error
        return found, where

    return lookup


def _among_all(faiss: Any, index: Any, queries: Vectors, width: int, selector: Any) -> tuple[Vectors, Positions]:
    """The nearest of all visible vectors, with none passed over; an approximate index' own codes are compared."""
    if isinstance(index, faiss.IndexHNSW):
        index = faiss.downcast_index(index.storage)
    found, where = index.search(queries, width, params=_parameters(faiss, index, selector, everywhere=True))
    return found, where


def _parameters(faiss: Any, index: Any, selector: Any, *, everywhere: bool = False) -> Any:
    """Search parameters for this kind of index: they replace its own, so how far it looks must be said again."""
    if isinstance(index, faiss.IndexPreTransform):
        inner = _parameters(faiss, faiss.downcast_index(index.index), selector, everywhere=everywhere)
        return faiss.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=index.nlist if everywhere else index.nprobe)
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(sel=selector, efSearch=index.hnsw.efSearch)
    return faiss.SearchParameters(sel=selector)


def _widen_approximate_search(faiss: Any, index: Any) -> None:
    """Have IVF and HNSW look further than FAISS' defaults, which are set for speed records (1 list, 16 nodes)."""
    if (lists := faiss.try_extract_index_ivf(index)) is not None:
        lists.nprobe = min(lists.nlist, max(16, lists.nlist // 32))
    elif isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = 256
