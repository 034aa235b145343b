"""Repetitions of a question as one, with what people said about all the answers that were given to it.

A correction is a gold answer: the latest, for facts change. Without one, an answer that somebody found good and nobody
bad is a weak answer. Answers about which people disagree teach nothing, and neither do those that were found bad.
"""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.logs.logged_answer import LOGGED
from wbrag_pipeline.datasets.wording import same_question, wording
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import GOLD, UNLABELLED, WEAK

# What became of a question that is neither of the labels of tables.LABELLED. Nothing of it trains.
DOWN, CONFLICTING = "down", "conflicting"

MERGED_QUESTIONS = pl.Schema(
    {
        "question_id": pl.String(),
        "question": pl.String(),  # as it was asked first
        "golden_answers": pl.List(pl.String()),
        "label": pl.String(),
        "told": pl.String(),
        "rows": pl.UInt32(),
        "asked_at": pl.Datetime("us", "UTC"),  # last
    }
)


def with_wording(rows: pl.DataFrame) -> pl.DataFrame:
    """LOGGED with ``told``, what a question and its repetitions have in common (``wording.same_question``)."""
    return rows.with_columns(told=same_question(rows["question"]))


def merged_questions(rows: pl.DataFrame) -> pl.DataFrame:
    """LOGGED with ``told`` to MERGED_QUESTIONS: one row a question, in the order in which they were asked first.

    A question's id is made of its wording, so it is the same in any later state of the log.
    """
    ordered = rows.with_row_index("row").sort("asked_at", "row", nulls_last=False)
    said = ordered.with_columns(answered=wording(ordered["answer"]))
    good = (
        said.group_by("told", "answered", maintain_order=True)
        .agg(pl.col("answer").first(), pl.col("up").any(), pl.col("down").any())
        .filter(pl.col("up") & ~pl.col("down") & (pl.col("answer") != ""))
        .group_by("told", maintain_order=True)
        .agg(weak="answer")
    )
    right = pl.col("correction").filter(pl.col("correction") != "").last()
    merged = (
        ordered.group_by("told", maintain_order=True)
        .agg(
            pl.col("question").first(),
            pl.col("up").any(),
            pl.col("down").any(),
            pl.col("asked_at").max(),
            right=right,
            rows=pl.len(),
        )
        .join(good, on="told", how="left", maintain_order="left")
        .with_columns(label=_label(), golden_answers=_answers())
    )
    ids = [f"q_{sha256_of_text('logged question', told)[:16]}" for told in merged["told"]]
    return merged.with_columns(question_id=pl.Series(ids, dtype=pl.String)).select(
        pl.col(name).cast(dtype) for name, dtype in MERGED_QUESTIONS.items()
    )


def to_look_into(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of LOGGED with ``told`` that somebody found bad, of questions without a correction."""
    open_still = ~(pl.col("correction") != "").any().over("told")
    return rows.filter(pl.col("down") & open_still).select(list(LOGGED))


def _label() -> pl.Expr:
    return (
        pl.when(pl.col("right").is_not_null())
        .then(pl.lit(GOLD))
        .when(pl.col("weak").is_not_null())
        .then(pl.lit(WEAK))
        .when(pl.col("up") & pl.col("down"))
        .then(pl.lit(CONFLICTING))
        .when(pl.col("down"))
        .then(pl.lit(DOWN))
        .otherwise(pl.lit(UNLABELLED))
    )


def _answers() -> pl.Expr:
    return (
        pl.when(pl.col("right").is_not_null())
        .then(pl.concat_list("right"))
        .otherwise(pl.coalesce("weak", pl.lit([], dtype=pl.List(pl.String))))
    )
