"""Which questions of a benchmark train and which test: another split than its files have, or fewer training questions.

Questions of one wording are never parted, so no training question is a test question in other letters. Only questions
with gold answers change their part.
"""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import GOLD, QUESTIONS

# The validation part is from the file of the training questions.
_NAMED = pl.col("split").replace("validation", "train") + ":" + pl.col("question_id")


def resplit(questions: pl.DataFrame, number: int, seed: int = 0) -> pl.DataFrame:
    """QUESTIONS with parts as large as before, as far as wordings allow, drawn anew. seed: another one, another order.

    All questions stand in one order. The n-th split tests the n-th stretch of it, so the test parts of different splits
    share no question until the order is used up; then they begin anew. A question's id has the file it is from before
    it, "train" or "test": ids are only unique within a file.
    """
    gold = questions["label"] == GOLD
    sizes = dict(questions.filter(gold).group_by("split").len().iter_rows())
    tested, validated = sizes.get("test", 0), sizes.get("validation", 0)
    pool = _in_order(questions.filter(gold), _drawn("split", seed))
    if pool.is_empty():
        return questions
    place = (pool["place"] - (number - 1) * tested) % pool.height
    part = pl.when(place < tested).then(pl.lit("test")).when(place < tested + validated).then(pl.lit("validation"))
    moved = pool.with_columns(question_id=_NAMED, split=part.otherwise(pl.lit("train")))
    stays = questions.filter(~gold).with_columns(question_id=_NAMED)
    return QUESTIONS.check(pl.concat([moved.select(list(QUESTIONS.schema)), stays]))


def with_labels(questions: pl.DataFrame, labels: int, draw: int, label: str = GOLD, *, seed: int = 0) -> pl.DataFrame:
    """QUESTIONS whose training part has at most about so many questions with that label, and no others.

    Of one draw and seed, fewer are always among more.
    """
    of_label = questions.filter((pl.col("split") == "train") & (pl.col("label") == label))
    train = _in_order(of_label, _drawn(f"labels {draw}", seed))
    taken = train.filter(pl.col("place") < labels).select(list(QUESTIONS.schema))
    return QUESTIONS.check(pl.concat([taken, questions.filter(pl.col("split") != "train")]))


def _drawn(what: str, seed: int) -> str:
    return f"{what} seed {seed}" if seed else what


def _in_order(questions: pl.DataFrame, drawn: str) -> pl.DataFrame:
    """Rows in an order drawn by their wording, with ``place``: rows before the first one of the same wording."""
    told = wording(questions["question"])
    order = pl.Series([sha256_of_text(drawn, text)[:16] for text in told], dtype=pl.String)
    rows = questions.with_columns(order=order, told=told).sort("order", "told", "split", "question_id")
    at = pl.int_range(pl.len(), dtype=pl.Int64)
    return rows.with_columns(place=at).with_columns(pl.col("place").min().over("told"))
