"""Updated keys: a passage is found by its own vector moved towards the questions whose answers it carried.

In the manner of ERM: only a passage that both gates retained for a training question moves, so an update is one that
was seen to be right. The passage's text stays as it is, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from wbrag_pipeline.evaluation.experiments.second_keys import nearest_by_key
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, HITS, merge_by_score
from wbrag_pipeline.retrieval.protocols import Vectors

STEPS = (0.0, 0.1, 0.2, 0.35, 0.5)  # how far a key may move: 0 leaves it, 0.5 is half way to its questions
_DEPTH = 100

SearchToDepth = Callable[[int], pl.DataFrame]


def moved_keys(keys: Vectors, questions: Vectors, of: np.ndarray, step: float) -> Vectors:
    """Keys [n, dimension] moved by ``step`` towards the mean of their questions, of length 1.

    questions: [m, dimension]; of: [m], which key each question belongs to. Each key has at least one.
    """
    sums = np.zeros_like(keys)
    np.add.at(sums, of, questions)
    means = sums / np.maximum(np.bincount(of, minlength=len(keys)), 1)[:, None]
    moved = (1.0 - step) * keys + step * means
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: Vectors = (moved / np.where(lengths == 0, 1.0, lengths)).astype(np.float32)
    return unit


def search_moved(search: SearchToDepth, queries: Vectors, ids: pl.Series, keys: Vectors, top_k: int) -> pl.DataFrame:
    """HITS as if the index held ``keys`` in place of the vectors of those passages of the corpus.

    search: gives HITS of the unmoved index down to a depth. ids, keys: the moved passages. It goes as deep as it takes
    to have ``top_k`` entries that did not move, so the result is exact.
    """
    is_moved = (pl.col("origin") == CORPUS) & pl.col("passage_id").is_in(ids.implode())
    depth = top_k + _DEPTH
    while True:
        found = search(depth)
        stayed = found.filter(~is_moved)
        full = stayed.group_by("query").len().filter(pl.col("len") >= top_k).height == len(queries)
        if full or found.height < depth * len(queries):  # enough, or the index has no more
            break
        depth *= 4
    entries = pl.select(pl.repeat(CORPUS, len(ids)).alias("origin"), pl.Series("passage_id", ids))
    moved = nearest_by_key(queries, keys, entries, top_k)
    return merge_by_score(pl.concat([moved, stayed.select(moved.columns)]), top_k).cast(HITS)
