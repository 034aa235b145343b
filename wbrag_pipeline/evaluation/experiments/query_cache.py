"""The query cache as a rival: what a training question had, given to the test questions that are like it.

A cache remembers questions instead of writing knowledge. From how alike two questions must be is chosen on training
questions that are held out of the cache; below that, a question is answered as without a cache.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from wbrag_pipeline.datasets import metrics
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.evaluation.evaluate import ANSWERED
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, HITS
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.storage import sha256_of_text

HELD_OUT = 5  # one training question in so many chooses the threshold
CACHE_TAG = "cache:"  # origin tag, in ANSWERED, of a training question whose answer was given
_ROWS = 1_000  # questions compared at once, so that memory does not grow with questions x questions


def hold_out(train: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """SPLIT into (what the cache knows, held-out questions); twins of one wording are never parted."""
    wordings = [metrics.normalize_answer(question) or question.strip() for question in train["question"]]
    drawn = [int(sha256_of_text("query cache", str(seed), wording)[:8], 16) for wording in wordings]
    apart = pl.Series(drawn, dtype=pl.Int64) % HELD_OUT == 0
    return train.filter(~apart), train.filter(apart)


def nearest(asked: pl.DataFrame, known: pl.DataFrame, encoder: Encoder) -> pl.DataFrame:
    """A row a question of ``asked``, in order: known_id, the most alike question of ``known``, and likeness.

    Likeness is the inner product of the vectors as queries. Both null where nothing is known.
    """
    schema = {"known_id": pl.String, "likeness": pl.Float64}
    if known.is_empty() or asked.is_empty():
        return pl.DataFrame({name: [None] * asked.height for name in schema}, schema=schema)
    ours, theirs = (encoder.encode_queries(frame["question"].to_list()) for frame in (asked, known))
    blocks = [ours[start : start + _ROWS] @ theirs.T for start in range(0, len(ours), _ROWS)]
    places = np.concatenate([block.argmax(axis=1) for block in blocks])
    likeness = np.concatenate([block.max(axis=1) for block in blocks])
    found = {"known_id": known["question_id"].gather(places), "likeness": likeness}
    return pl.DataFrame(found, schema_overrides=schema)


def best_threshold(likeness: pl.Series, gains: pl.Series) -> float:
    """The likeness from which on the cache gains most in sum; infinity where it gains nothing.

    gains: what the cache scored more than the plain answer, a value a held-out question. Of equal sums the highest
    threshold, which uses the cache least.
    """
    sums = (
        pl.DataFrame({"likeness": likeness, "gain": gains})
        .drop_nulls()
        .group_by("likeness")
        .agg(pl.col("gain").sum())
        .sort("likeness", descending=True)
        .with_columns(pl.col("gain").cum_sum())
    )
    if sums.is_empty() or float(sums["gain"].max()) <= 0:  # type: ignore[arg-type]
        return math.inf
    return float(sums["likeness"][int(sums["gain"].arg_max() or 0)])


def given_answers(
    asked: pl.DataFrame,
    near: pl.DataFrame,
    known: pl.DataFrame,
    plain: pl.DataFrame,
    threshold: float,
    task: Task,
    metric: str,
) -> pl.DataFrame:
    """ANSWERED: the first gold answer of the nearest known question from the threshold on, else the plain answer.

    asked, known: SPLIT. near: what ``nearest`` gave for them. plain: ANSWERED of ``asked``, in its order.
    """
    first = known.select(pl.col("question_id").alias("known_id"), pl.col("golden_answers").list.first().alias("given"))
    rows = near.join(first, on="known_id", how="left", maintain_order="left")
    told = [task.parse(given or "", question) for given, question in zip(rows["given"], asked["question"], strict=True)]
    scores = metrics.score(metric, told, asked["golden_answers"].to_list())
    uses = (rows["likeness"] >= threshold).fill_null(False) & rows["given"].is_not_null()
    cached = pl.DataFrame(
        {"told": told, "scored": scores, "uses": uses, "from": CACHE_TAG + rows["known_id"]},
        schema={"told": pl.String, "scored": pl.Float64, "uses": pl.Boolean, "from": pl.String},
    )
    chosen = {"answer": pl.col("told"), "score": pl.col("scored"), "passages": pl.concat_list("from")}
    frame = pl.concat([plain, cached], how="horizontal").with_columns(
        pl.when("uses").then(value).otherwise(pl.col(name)).alias(name) for name, value in chosen.items()
    )
    return ANSWERED.check(frame.select(list(ANSWERED.schema)))


def in_front(plain: pl.DataFrame, front: pl.DataFrame, top_k: int) -> pl.DataFrame:
    """HITS: the passages of ``front`` before those of ``plain``, each once, ``top_k`` a query.

    front: HITS of some of the queries. The scores stay the retriever's: a method or a reader that weighs passages by
    score, and not by place, weighs these as any others.
    """
    return (
        pl.concat([front.select(HITS.names()), plain.select(HITS.names())])
        .unique(["query", "origin", "passage_id"], keep="first", maintain_order=True)
        .sort("query", maintain_order=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
        .filter(pl.col("rank") <= top_k)
        .cast(HITS)
    )


def remembered(near: pl.DataFrame, retained: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """HITS without scores: the retained passages of each query's nearest known question, from the threshold on.

    retained: the rows of GATED_DOCS that the gates retained.
    """
    return (
        near.with_row_index("query")
        .filter(pl.col("likeness") >= threshold)
        .join(retained.select(pl.col("question_id").alias("known_id"), "rank", "passage_id"), on="known_id")
        .sort("query", "rank")
        .select("query", "rank", pl.lit(CORPUS).alias("origin"), "passage_id", pl.lit(None).alias("score"))
        .cast(HITS)
    )
