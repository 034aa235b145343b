"""FAISS: one file in the index' folder, read into memory, searched on the GPUs where FAISS has some.

What a reader may not see is left out by FAISS while it searches, not afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.retrieval.stores.exact_scores import exact_scores
from wbrag_pipeline.retrieval.stores.protocols import Positions, Written
from wbrag_pipeline.storage import replacing

INDEX_FILE = "index.faiss"

# Vectors that train an index which has to be trained (IVF, PQ), spread evenly over the corpus.
_TRAINING_VECTORS = 200_000
# So few visible vectors are all looked at: an approximate index finds them badly among the invisible ones.
_FEW_VISIBLE = 20_000

# FAISS' limit on what a file may make it allocate is one setting for the process.
_reading = threading.Lock()


class FaissBackend:
    """A ``StoreBackend`` of files.

    factory: a FAISS index_factory string. ``Flat`` is exact and the only kind whose files and results are the same
    from run to run on every machine; ``IVF4096,Flat`` or ``HNSW32`` are for tens of millions of passages.
    """

    keeps = ""

    def __init__(self, factory: str = "Flat") -> None:
        self._factory = factory

    def check(self) -> None:
        """Nothing has to be reached."""

    def create(self, folder: Path, name: str, vectors: Written) -> None:
        """Raises InputError for a factory that FAISS does not know."""
        faiss = load_faiss()
        index = _empty(faiss, vectors.dimension, self._factory)
        if not index.is_trained and len(vectors):
            index.train(_spread(vectors.parts, len(vectors), vectors.dimension))
        for _, part, _ in vectors.blocks():
            if len(part):
                index.add(np.ascontiguousarray(part, dtype=np.float32))
        with replacing(folder / INDEX_FILE) as file:
            faiss.write_index(index, str(file))

    def open(self, folder: Path, name: str, dimension: int) -> FaissStore:
        """The file is believed: who opens it has compared its hash."""
        file = folder / INDEX_FILE
        if not file.is_file():
            raise IntegrityError(file, "is missing")
        index = _read(file)
        if index.d != dimension:
            raise IntegrityError(file, f"holds vectors of {index.d} numbers, not {dimension}")
        return FaissStore(index)

    def drop(self, name: str) -> None:
        """Nothing: the file goes with its folder."""

    def close(self) -> None:
        """Nothing is open."""


class FaissStore:
    """A ``VectorStore`` over FAISS' own index."""

    def __init__(self, index: Any) -> None:
        faiss = load_faiss()
        _widen_approximate_search(faiss, index)
        self.dimension = int(index.d)
        # Only an index that keeps the vectors as they were can say what their exact products are.
        self.exact = isinstance(index, faiss.IndexFlat)
        # FAISS filters on the CPU alone, so a restricted search does not use the copy on the GPUs.
        self._stored = index
        self._index = faiss.index_cpu_to_all_gpus(index) if faiss.get_num_gpus() > 0 else index

    def __len__(self) -> int:
        return int(self._stored.ntotal)

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """Raises InputError when FAISS cannot filter this kind of index."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        lookup = self._index.search if visible is None else _filtered(load_faiss(), self._stored, visible)
        scores, positions = lookup(queries, width)
        if self.exact:
            candidates = self._stored.reconstruct_batch(positions.ravel())
            scores = exact_scores(queries, candidates.reshape(len(queries), width, self.dimension))
        scores[positions < 0] = -np.inf
        return scores, positions

    def vectors_at(self, positions: Positions) -> Vectors:
        """As the protocol says."""
        if not len(positions):
            return np.zeros((0, self.dimension), dtype=np.float32)
        if (lists := load_faiss().try_extract_index_ivf(self._stored)) is not None:
            lists.make_direct_map()
        vectors: Vectors = self._stored.reconstruct_batch(positions)
        return vectors

    def close(self) -> None:
        """Nothing is open."""


Lookup = Callable[[Vectors, int], tuple[Vectors, Positions]]


def _empty(faiss: Any, dimension: int, factory: str) -> Any:
    try:
        return faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise InputError(
            f"FAISS knows no index {factory!r} for {dimension} dimensions",
            field="factory",
            hint="use Flat, IVF4096,Flat, HNSW32 or another index_factory string",
        ) from error


def _spread(parts: Iterable[Vectors], count: int, dimension: int) -> Vectors:
    """Every n-th vector of all parts, [at most some _TRAINING_VECTORS, dimension]."""
    step = max(1, count // _TRAINING_VECTORS)
    taken = [np.empty((0, dimension), dtype=np.float32)]
    seen = 0
    for part in parts:
        taken.append(np.asarray(part[-seen % step :: step], dtype=np.float32))
        seen += len(part)
    return np.ascontiguousarray(np.concatenate(taken))


def _read(file: Path) -> Any:
    faiss = load_faiss()
    with _reading:
        usual = faiss.get_deserialization_vector_byte_limit()
        # No array in a file is larger than the file, whatever length the file claims for it.
        faiss.set_deserialization_vector_byte_limit(file.stat().st_size)
        try:
            return faiss.read_index(str(file))
        except RuntimeError as error:
            raise IntegrityError(file, f"FAISS cannot read it: {str(error).splitlines()[0]}") from error
        finally:
            faiss.set_deserialization_vector_byte_limit(usual)


def _filtered(faiss: Any, index: Any, visible: Visible) -> Lookup:
    """``index.search`` among the visible vectors alone, which gives as many of them as there are, up to the width."""
    selector = faiss.IDSelectorBitmap(np.packbits(visible.mask, bitorder="little"))

    def lookup(queries: Vectors, width: int) -> tuple[Vectors, Positions]:
        try:
            if visible.count <= _FEW_VISIBLE:
                return _among_all(faiss, index, queries, width, selector)
            found, where = index.search(queries, width, params=_parameters(faiss, index, selector))
            short = where[:, min(width, visible.count) - 1] < 0
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
