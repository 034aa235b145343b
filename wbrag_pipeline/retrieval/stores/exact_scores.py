"""Inner products that do not depend on who else asks, nor on which store holds the vectors.

Every library adds up an inner product in an order of its own, and for one query in another than for many, so the last
bits of a score are its own too. Computed again here in float64, scores of all stores are comparable, and equal vectors
have equal scores. So a store outside gives its candidates with their vectors, and its own scores are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.errors import VectorStoreError
from wbrag_pipeline.retrieval.protocols import Positions, Vectors

# A position and its vector.
Found = tuple[int, npt.ArrayLike]


def exact_scores(queries: Vectors, candidates: Vectors) -> Vectors:
    """Scores [queries, width] of ``candidates`` [queries, width, dimension], each row those of one query."""
    products: Vectors = np.einsum("qd,qkd->qk", queries.astype(np.float64), candidates.astype(np.float64)).astype(
        np.float32
    )
    return products


def candidate_arrays(queries: Vectors, width: int, found: Sequence[Sequence[Found]]) -> tuple[Vectors, Positions]:
    """What a store found for each query, as ``VectorStore.nearest`` gives it."""
    positions = np.full((len(queries), width), -1, dtype=np.int64)
    candidates = np.zeros((len(queries), width, queries.shape[1]), dtype=np.float32)
    for row, hits in enumerate(found):
        for column, (position, vector) in enumerate(hits):
            positions[row, column] = position
            candidates[row, column] = vector
    scores = exact_scores(queries, candidates)
    scores[positions < 0] = -np.inf
    return scores, positions


def in_order(positions: Positions, found: Sequence[Found], dimension: int, store: str) -> Vectors:
    """Vectors [positions, dimension] of what a store found by position, in any order.

    Raises VectorStoreError where it lacks one.
    """
    by_position = dict(found)
    if missing := [position for position in positions.tolist() if position not in by_position]:
        raise VectorStoreError(store, f"has no vector at position {missing[0]}, though the index was written there")
    vectors = np.empty((len(positions), dimension), dtype=np.float32)
    for row, position in enumerate(positions.tolist()):
        vectors[row] = by_position[position]
    return vectors
