"""How much of what an exact search finds an approximate one finds too: measured on vectors that are in the index.

Recall at 10 (Johnson, Douze and Jégou, arXiv 1702.08734, section 6: the share of the true nearest neighbours that are
among the results). Passages stand in for questions here, so with questions it may be some points lower or higher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from wbrag_pipeline.retrieval.protocols import Positions, Vectors

# A check warns where less is found.
LEAST_RECALL = 0.95
# Queries, and neighbours of each.
_QUERIES, _NEIGHBOURS = 200, 10


@dataclass(frozen=True)
class RecallSample:
    """Queries [queries, dimension], and the positions of the nearest [queries, neighbours] by exact search."""

    queries: Vectors
    nearest: Positions

    def recall(self, nearest: Callable[[Vectors, int, None], tuple[Vectors, Positions]]) -> float:
        """Share of the exact nearest that ``VectorStore.nearest`` finds; 1 where there is nothing to find."""
        if not self.nearest.size:
            return 1.0
        found = nearest(self.queries, self.nearest.shape[1], None)[1]
        hits = sum(len(np.intersect1d(one, other)) for one, other in zip(found, self.nearest, strict=True))
        return hits / self.nearest.size


def recall_sample(parts: Iterable[Vectors], count: int, dimension: int) -> RecallSample:
    """A sample of vectors, spread evenly, and what is nearest to each; ``parts`` are gone through twice."""
    queries = spread(parts, max(1, count // _QUERIES), dimension)[:_QUERIES]
    kept = min(_NEIGHBOURS, count)
    scores = np.full((len(queries), kept), -np.inf, dtype=np.float32)
    positions = np.full((len(queries), kept), -1, dtype=np.int64)
    start = 0
    for part in parts:
        scores = np.concatenate([scores, queries @ part.T], axis=1)
        places = np.broadcast_to(np.arange(start, start + len(part)), (len(queries), len(part)))
        positions = np.concatenate([positions, places], axis=1)
        start += len(part)
        best = np.lexsort((positions, -scores), axis=-1)[:, :kept]
        scores, positions = np.take_along_axis(scores, best, axis=1), np.take_along_axis(positions, best, axis=1)
    return RecallSample(queries, positions)


def spread(parts: Iterable[Vectors], step: int, dimension: int) -> Vectors:
    """Every ``step``-th vector of all parts."""
    taken = [np.empty((0, dimension), dtype=np.float32)]
    seen = 0
    for part in parts:
        taken.append(np.asarray(part[-seen % step :: step], dtype=np.float32))
        seen += len(part)
    return np.ascontiguousarray(np.concatenate(taken))
