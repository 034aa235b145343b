"""Further keys that point to entries: what a question finds by its own vector, or by that of a text written about it.

An entry's score is that of its best key. Nothing about the entry changes, so what is read stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from wbrag_pipeline.retrieval.knowledge_base import HITS, merge_by_score
from wbrag_pipeline.retrieval.protocols import Vectors

_ENTRY = ["query", "origin", "passage_id"]
_ROWS = 1_000  # questions compared at once, so that memory does not grow with questions x keys


def search_with_keys(
    search: Callable[[int], pl.DataFrame], queries: Vectors, keys: Vectors, entries: pl.DataFrame, top_k: int
) -> pl.DataFrame:
    """HITS by an index and by further keys of some entries: the top K by each entry's best key.

    search: gives HITS of the index down to a depth, by the same queries [n, dimension]. keys: [m, dimension].
    entries: origin and passage_id of each key's entry, in order; an entry may have several keys.

    What is first K by its own vector alone is found by the index, and the rest by the keys, so the result is exact.
    """
    found = search(top_k)
    if not len(keys):
        return found
    several = int(entries.group_by("origin", "passage_id").len()["len"].max())  # type: ignore[arg-type]
    most = min(len(keys), top_k * several)  # the keys of K entries at least
    parts = [_nearest(queries[start : start + _ROWS], keys, most, start) for start in range(0, len(queries), _ROWS)]
    by_key = pl.concat(parts).with_columns(entries["origin", "passage_id"][pl.concat(parts)["place"].to_list()])
    both = pl.concat([found.select(*_ENTRY, "score"), by_key.select(*_ENTRY, "score")])
    best = both.group_by(_ENTRY, maintain_order=True).agg(pl.col("score").max())
    return merge_by_score(best, top_k).cast(HITS)


def _nearest(queries: Vectors, keys: Vectors, most: int, first: int) -> pl.DataFrame:
    """query, place (of the key) and score of the nearest keys; of equal scores the key that comes first."""
    scores = queries @ keys.T
    places = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    return pl.DataFrame(
        {
            "query": np.repeat(np.arange(first, first + len(queries), dtype=np.int32), most),
            "place": places.ravel(),
            "score": np.take_along_axis(scores, places, axis=1).ravel(),
        },
        schema_overrides={"score": pl.Float32},
    )
