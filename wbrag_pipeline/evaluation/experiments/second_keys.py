"""Further keys that point to entries: what a question finds by its own vector, or by that of a text written about it.

An entry's score is that of its best key. Nothing about the entry changes, so what is read stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from wbrag_pipeline.rag.system import RagSystem
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
    by_key = nearest_by_key(queries, keys, entries, top_k * several)  # the keys of K entries at least
    both = pl.concat([found.select(by_key.columns), by_key])
    best = both.group_by(_ENTRY, maintain_order=True).agg(pl.col("score").max())
    return merge_by_score(best, top_k).cast(HITS)


def found_with_keys(system: RagSystem, questions: Sequence[str], keys: Vectors, entries: pl.DataFrame) -> pl.DataFrame:
    """HITS: the system's own search, with further keys as for ``search_with_keys``."""
    queries = system.query_vectors(questions)

    def search(depth: int) -> pl.DataFrame:
        return system.retrieve(questions, top_k=depth, vectors=queries)

    return search_with_keys(search, queries, keys, entries, system.top_k)


def nearest_by_key(queries: Vectors, keys: Vectors, entries: pl.DataFrame, most: int) -> pl.DataFrame:
    """query, origin, passage_id and score of at most so many keys a query, as ``entries`` names what each leads to.

    Of equal scores the key that comes first.
    """
    most = min(most, len(keys))
    places, told = [], []
    for start in range(0, max(1, len(queries)), _ROWS):
        scores = queries[start : start + _ROWS] @ keys.T
        places.append(np.argsort(-scores, axis=1, kind="stable")[:, :most])
        told.append(np.take_along_axis(scores, places[-1], axis=1))
    found = entries["origin", "passage_id"][np.concatenate(places).ravel()]
    return found.select(
        pl.Series("query", np.repeat(np.arange(len(queries)), most), pl.Int32),
        "origin",
        "passage_id",
        pl.Series("score", np.concatenate(told).ravel(), pl.Float32),
    )
