"""Searching one index so that the same vectors always give the same results, in whichever store they lie.

A store alone does not: the last bits of a score depend on how many queries it computes at once, and among equal scores
it keeps whichever it happened to keep. Here a few more candidates are fetched than are wanted, their scores are those
of the vectors themselves (``exact_scores``), and ties go to the vector that was added first.

What a reader may not see is left out by the store while it searches, not afterwards: as many results come back as
there are visible ones, and the invisible ones decide nothing, neither rank nor number.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.access import UNRESTRICTED, LabelSets, Principal, Visible
from wbrag_pipeline.retrieval.index_ids import IndexIds
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.vector_store import VectorStore

# Candidates beyond the wanted ones: enough that equal scores at the border are rarely cut.
_MARGIN = 16
# More copies of one passage than this are not told apart by position; also FAISS' limit on a GPU.
_MOST_CANDIDATES = 2048
# Scores closer than this may have come from the store in either order: ten times the rounding of a float32 sum.
_ROUNDING = 1e-5
# Numbers of candidate vectors in memory at a time, as float64: 64 MiB.
_RESCORED_AT_ONCE = 8 * 1024 * 1024
_ROWS_AT_ONCE = 65_536


class Index:
    """Vectors in a store, and their ids and access labels; opened by ``open_index``."""

    def __init__(self, ids: IndexIds, store: VectorStore) -> None:
        self._ids = ids
        self.store = store

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def label_sets(self) -> LabelSets:
        """Of the vectors."""
        return self._ids.label_sets

    @property
    def ids(self) -> pl.Series:
        """The id of each vector, by position: all are read into memory."""
        return self._ids.all()

    @property
    def labels(self) -> pl.Series:
        """The access labels of each vector (List(String)), by position: all are read into memory."""
        return self.label_sets.lists()

    def ids_at(self, positions: Positions) -> pl.Series:
        """The ids of the vectors at these positions, in their order."""
        return self._ids.at(positions)

    def positions_of(self, ids: pl.Series) -> Positions:
        """Where the vectors of these ids are; -1 where there is none."""
        return self._ids.positions_of(ids)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.store.dimension

    def vectors(self) -> Vectors | None:
        """All vectors [vectors, dimension] as they were added; None where the store does not keep them so."""
        if not self.store.keeps_vectors:
            return None
        empty = np.zeros((0, self.dimension), dtype=np.float32)
        vectors: Vectors = np.concatenate([empty, *self.vectors_at(np.arange(len(self)))])
        return vectors

    def vectors_at(self, positions: Positions) -> Iterator[Vectors]:
        """Vectors in that order, as arrays [rows, dimension]; approximations where the store keeps no others."""
        for start in range(0, len(positions), _ROWS_AT_ONCE):
            yield self.store.vectors_at(positions[start : start + _ROWS_AT_ONCE])

    def sees(self, reader: Principal, passage_id: str) -> bool:
        """Whether something of that id is here, and the reader may see it."""
        position = self.positions_of(pl.Series([passage_id], dtype=pl.String))
        visible = self.label_sets.visible_to(reader)
        return bool(position[0] >= 0) and (visible is None or bool(visible.holds(position)[0]))

    def search(self, vectors: Vectors, top_k: int, reader: Principal = UNRESTRICTED) -> tuple[Vectors, Positions]:
        """The nearest by inner product: scores and positions, both [queries, min(top_k, vectors he may see)].

        Rows are ordered by score, highest first, and then by position. Where an approximate index finds fewer,
        the position is -1 and the score minus infinity; in a restricted search it never does.

        Raises ValueError for vectors of another dimension, or top_k under 1; InputError when the store cannot filter
        this kind of index, VectorStoreError when it does not answer.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"query vectors of shape {vectors.shape}, not [queries, {self.dimension}]")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        visible = self.label_sets.visible_to(reader)
        there = len(self) if visible is None else visible.count
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
        step = max(1, _RESCORED_AT_ONCE // (width * self.dimension))
        for start in range(0, len(vectors), step):
            block = slice(start, start + step)
            found[block], where[block] = self.store.nearest(vectors[block], width, visible)
        self._check(where, visible)
        order = np.lexsort((where, -found), axis=-1)
        found, where = np.take_along_axis(found, order, axis=1), np.take_along_axis(where, order, axis=1)
        undecided = (found[:, -1] > -np.inf) & (found[:, wanted - 1] <= found[:, -1] + _ROUNDING)
        return found[:, :wanted], where[:, :wanted], undecided

    def _check(self, where: Positions, visible: Visible | None) -> None:
        """A store outside is anybody's who may write into it: what it names must be here, and for this reader."""
        there = where[where >= 0]
        if len(there) and int(there.max()) >= len(self):
            raise IntegrityError("vector store", f"names position {there.max()} of {len(self)}")
        if visible is not None and not visible.holds(there).all():
            raise IntegrityError("vector store", "gave a passage that the reader may not see; index it again")
