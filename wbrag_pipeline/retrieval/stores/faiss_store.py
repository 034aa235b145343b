"""FAISS: one file in the index' folder, read into memory, searched on the GPUs where FAISS has some.

What a reader may not see is left out by FAISS while it searches, not afterwards.
"""

from __future__ import annotations

import math
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.exact_scores import exact_scores
from wbrag_pipeline.retrieval.stores.index_recall import spread
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.storage import replacing

INDEX_FILE = "index.faiss"

# Vectors that train an index which has to be trained (IVF, PQ), spread evenly over the corpus.
_TRAINING_VECTORS = 200_000
# So few visible vectors are all looked at: an approximate index finds them badly among the invisible ones.
_FEW_VISIBLE = 20_000
# `auto` searches exactly up to here: about 0.1 s a question on one core.
_MOST_EXACT = 1_000_000
# How far an approximate search looks is raised until it finds this share of what an exact one does, or so far.
_WANTED_RECALL = 0.99
_NODES = (64, 128, 256, 512, 1024)

_EXACT = "Flat"
# Where FAISS' file of an exact index has the number of its vectors.
_COUNT_AT = 8

# FAISS' limit on what a file may make it allocate is one setting for the process.
_reading = threading.Lock()


class FaissBackend:
    """A ``StoreBackend`` of files.

    Kinds are FAISS' index_factory strings. ``Flat`` is exact. An IVF index is the same from build to build on one kind
    of machine; HNSW is built by one thread for that, which takes hours for millions of vectors.
    """

    keeps = ""

    def check(self) -> None:
        """Nothing has to be reached."""

    def kind_of(self, kind: str, count: int, dimension: int) -> str:
        """As the protocol says; ``auto`` is exact for up to a million vectors, and IVF beyond."""
        if kind == "auto":
            kind = "flat" if count <= _MOST_EXACT else "ivf"
        # As FAISS' guidelines have it, and with the vectors for each list that its training wants.
        lists = max(1, min(4 * math.isqrt(count), count // 39))
        factory = {"flat": _EXACT, "ivf": f"IVF{lists},Flat", "hnsw": "HNSW32"}.get(kind.lower(), kind)
        _empty(load_faiss(), dimension, factory)
        return factory

    def create(self, folder: Path, name: str, vectors: Written, kind: str) -> None:
        """As the protocol says. How far a search looks is set by measuring, and stays with the index.

        An exact index is written as its vectors come; any other is held in memory while it is made.
        """
        faiss = load_faiss()
        index = _empty(faiss, vectors.dimension, kind)
        if kind == _EXACT:
            _write_flat(faiss, index, vectors, folder / INDEX_FILE)
            return
        if not index.is_trained and len(vectors):
            index.train(spread(vectors.parts, max(1, len(vectors) // _TRAINING_VECTORS), vectors.dimension))
        threads = faiss.omp_get_max_threads()
        try:
            if isinstance(index, faiss.IndexHNSW):
                faiss.omp_set_num_threads(1)  # or the graph is another one each time
            for _, part, _ in vectors.blocks():
                if len(part):
                    index.add(np.ascontiguousarray(part, dtype=np.float32))
        finally:
            faiss.omp_set_num_threads(threads)
        if len(vectors):
            _look_far_enough(faiss, index, vectors)
        with replacing(folder / INDEX_FILE) as file:
            faiss.write_index(index, str(file))

    def open(self, folder: Path, name: str, dimension: int, kind: str) -> FaissStore:
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
        self.dimension = int(index.d)
        self.keeps_vectors = isinstance(index, (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexHNSWFlat))
        # FAISS filters on the CPU alone, so a restricted search does not use the copy on the GPUs.
        self._stored = index
        self._gpu = faiss.index_cpu_to_all_gpus(index) if faiss.get_num_gpus() > 0 else None
        self._mapping = threading.Lock()

    def __len__(self) -> int:
        return int(self._stored.ntotal)

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """Raises InputError when FAISS cannot filter this kind of index."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if visible is not None:
            scores, positions = _filtered(load_faiss(), self._stored, visible, queries, width)
        else:
            scores, positions = (self._stored if self._gpu is None else self._gpu).search(queries, width)
        if self.keeps_vectors:
            known = np.maximum(positions, 0)  # what was not found has no vector
            candidates = self.vectors_at(known.ravel()).reshape(len(queries), width, self.dimension)
            scores = exact_scores(queries, candidates)
        scores[positions < 0] = -np.inf
        return scores, positions

    def vectors_at(self, positions: Positions) -> Vectors:
        """As the protocol says."""
        if not len(positions):
            return np.zeros((0, self.dimension), dtype=np.float32)
        if (lists := load_faiss().try_extract_index_ivf(self._stored)) is not None:
            with self._mapping:
                lists.make_direct_map()  # once: nothing is done where it is there
        vectors: Vectors = self._stored.reconstruct_batch(positions)
        return vectors


def _empty(faiss: Any, dimension: int, factory: str) -> Any:
    try:
        return faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise InputError(
            f"FAISS knows no index {factory!r} for {dimension} dimensions",
            field="--index",
            hint="auto, flat, ivf, hnsw, or an index_factory string, for example IVF4096,SQ8",
        ) from error


def _write_flat(faiss: Any, empty: Any, vectors: Written, target: Path) -> None:
    """What ``faiss.write_index`` writes of the empty index with these vectors added, without holding them in memory."""
    header = bytearray(faiss.serialize_index(empty).tobytes())
    # FAISS' file has the number of vectors after its name and the dimension, and the number of floats before these.
    struct.pack_into("<q", header, _COUNT_AT, len(vectors))
    struct.pack_into("<Q", header, len(header) - 8, len(vectors) * vectors.dimension)
    with replacing(target) as file:
        with file.open("wb") as stream:
            stream.write(header)
            for _, part, _ in vectors.blocks():
                stream.write(np.ascontiguousarray(part, dtype="<f4").data)
        size = len(header) + 4 * len(vectors) * vectors.dimension
        if file.stat().st_size == size and len(vectors):  # a wrong number of vectors is for the caller to tell
            there = _read(file)
            if (there.ntotal, there.d) != (len(vectors), vectors.dimension):
                raise IntegrityError(target, f"FAISS reads {there.ntotal} of {len(vectors)} vectors from it")


def _read(file: Path) -> Any:
    """The index, its vectors mapped into memory where FAISS can (Flat, HNSW), so that processes share them."""
    faiss = load_faiss()
    with _reading:
        usual = faiss.get_deserialization_vector_byte_limit()
        # No array in a file is larger than the file, whatever length the file claims for it.
        faiss.set_deserialization_vector_byte_limit(file.stat().st_size)
        try:
            return faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IntegrityError(file, f"FAISS cannot read it: {str(error).splitlines()[0]}") from error
        finally:
            faiss.set_deserialization_vector_byte_limit(usual)


def _look_far_enough(faiss: Any, index: Any, vectors: Written) -> None:
    """Have IVF and HNSW look as far as the wanted recall needs: FAISS' defaults are set for speed records."""
    lists = faiss.try_extract_index_ivf(index)
    if lists is None and not isinstance(index, faiss.IndexHNSW):
        return
    efforts = [2**power for power in range(3, 20) if 2**power < lists.nlist] + [lists.nlist] if lists else [*_NODES]
    for effort in efforts:
        if lists is not None:
            lists.nprobe = effort
        else:
            index.hnsw.efSearch = effort
        if vectors.sample.recall(FaissStore(index).nearest) >= _WANTED_RECALL:
            return


def _filtered(faiss: Any, index: Any, visible: Visible, queries: Vectors, width: int) -> tuple[Vectors, Positions]:
    """``index.search`` among the visible vectors alone, which gives as many of them as there are, up to the width."""
    selector = faiss.IDSelectorBitmap(visible.bits)
    try:
        if visible.count <= _FEW_VISIBLE:
            return _among_all(faiss, index, queries, width, selector)
        found, where = index.search(queries, width, params=_parameters(faiss, index, selector))
        short = where[:, min(width, visible.count) - 1] < 0
        if short.any():
            found[short], where[short] = _among_all(faiss, index, queries[short], width, selector)
    except RuntimeError as error:
        hint = "index the corpus with --index flat, ivf or hnsw"
        raise InputError(f"FAISS cannot search {type(index).__name__} by labels", hint=hint) from error
    return found, where


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
