"""One list out of several, by rank: of the corpus and the units, or of two ways to search."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

# The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
_RRF = 60


def fused_by_rank(candidates: pl.DataFrame, top_k: int) -> pl.DataFrame:
    """The first ``top_k`` of each query by reciprocal rank fusion: 1 / (60 + rank in the own list).

    candidates: columns query, origin, passage_id and score, best first within each query and origin. What is first in
    its list comes before what is second in another; of equal ranks the row that comes first in ``candidates``. Since
    no passage is in two lists, the lists take turns.

    Gives the same columns with ``rank`` from 1; the scores stay what they were, and decide nothing.
    """
    own_rank = pl.int_range(1, pl.len() + 1).over("query", "origin")
    return first_of_each(candidates.with_columns(_fused=1.0 / (_RRF + own_rank)), "_fused", top_k).drop("_fused")


def fused_rankings(rankings: Sequence[pl.DataFrame], top_k: int) -> pl.DataFrame:
    """The first ``top_k`` of each query by reciprocal rank fusion of rankings of the same things.

    rankings: columns query, origin, passage_id and rank. A passage has the sum of 1 / (60 + rank) over the
    rankings that hold it; of equal sums, what the first ranking has first.

    Gives query, rank, origin, passage_id and score, which is this sum.
    """
    key = ["query", "origin", "passage_id"]
    fused = (
        pl.concat([ranking.select(*key, "rank") for ranking in rankings])
        .group_by(key, maintain_order=True)
        .agg((1.0 / (_RRF + pl.col("rank"))).sum().alias("score"))
    )
    return first_of_each(fused, "score", top_k).select("query", "rank", "origin", "passage_id", "score")


def first_of_each(rows: pl.DataFrame, by: str, top_k: int) -> pl.DataFrame:
    """The ``top_k`` rows of each query that are highest by a column, ordered, with ``rank`` from 1.

    Of equal ones, the row that comes first in ``rows``.
    """
    return (
        rows.sort(["query", by], descending=[False, True], maintain_order=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
        .filter(pl.col("rank") <= top_k)
    )
