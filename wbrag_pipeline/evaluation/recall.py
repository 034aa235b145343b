"""Answer recall: how often the passages that were retrieved hold an answer at all, read or not."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.metrics import score
from wbrag_pipeline.datasets.tasks import Task


def answer_recall(
    task: Task, evaluation: pl.DataFrame, passages: pl.LazyFrame, units: pl.DataFrame
) -> tuple[float, float] | tuple[None, None]:
    """Share of questions with a gold answer in some passage of the top K: (without, with) write-back.

    Answers are found as ``accuracy_unicode`` finds them. EVALUATION, PASSAGES and KNOWLEDGE_UNITS to two
    shares in [0, 1]; None for tasks whose answers are labels, since "True" stands in few passages.
    """
    if task.choices:
        return None, None
    found = answers_shown(evaluation, passages, units)
    # Over all questions: one that was shown nothing has no row here, and was not answered.
    held = dict(found.group_by("side").agg(pl.col("found").sum()).iter_rows())
    asked = max(1, evaluation.height)
    return held.get("without", 0.0) / asked, held.get("with", 0.0) / asked


def answers_shown(evaluation: pl.DataFrame, passages: pl.LazyFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Whether some passage of the top K holds a gold answer: question_id, side ("without", "with"), found (1 or 0).

    A question that was shown nothing on a side has no row for it.
    """
    shown = pl.concat(
        [
            evaluation.select("question_id", pl.lit(side).alias("side"), pl.col(f"passages_{side}").alias("tagged"))
            for side in ("without", "with")
        ]
    ).explode("tagged")
    wanted = shown.select("tagged").unique().lazy()
    text = pl.concat_str("title", "text", separator="\n").alias("seen")
    corpus = passages.select(pl.concat_str(pl.lit("corpus:"), "passage_id").alias("tagged"), text)
    written = units.lazy().select(pl.concat_str(pl.lit("writeback:"), "unit_id").alias("tagged"), text)
    texts = pl.concat([corpus, written]).join(wanted, on="tagged", how="semi").collect(engine="streaming")
    read = (
        shown.join(texts, on="tagged", how="left")
        .group_by("question_id", "side")
        .agg(pl.col("seen").drop_nulls().str.join("\n"))
        .join(evaluation.select("question_id", "golden_answers"), on="question_id")
    )
    held = score("accuracy_unicode", read["seen"], read["golden_answers"]).alias("found")
    return read.select("question_id", "side", held)
