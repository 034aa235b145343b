"""Rescue: training questions whose evidence lies too deep for retrieval, and the passages that would have answered.

The paper's utility gate passes over a question that retrieval leaves unanswered: retrieval did not help there. Some of
them are answered by a passage that was found too late, below the top K. A unit of that passage, written for the
question, is what similar questions lack. Only questions with free answers can be rescued, by a passage that holds a
gold answer: of two or three labels one is right by chance.
"""

from __future__ import annotations

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets import metrics
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.gates import document_gate
from wbrag_pipeline.training.scoring import select_passages

MOST = 2  # passages that one question is rescued by, the first by rank


def rescues(settings: Settings, task: Task) -> bool:
    """Whether lost questions are looked into: the settings say so, and there are gold answers that are no labels."""
    return settings.rescue_depth > settings.top_k and settings.scorer == "gold" and not task.choices


def within(retrievals: pl.DataFrame, top_k: int) -> pl.DataFrame:
    """The rows of RETRIEVALS that the method sees."""
    return retrievals.filter(pl.col("rank") <= top_k)


def below(retrievals: pl.DataFrame, lost: pl.DataFrame, top_k: int) -> pl.DataFrame:
    """The rows of RETRIEVALS of the lost questions that the method does not see."""
    return retrievals.filter(pl.col("rank") > top_k).join(lost, on="question_id", how="semi")


def lost_questions(scores: pl.DataFrame, gates: Gates) -> pl.DataFrame:
    """The rows of UTILITY_SCORES that retrieval does not answer: score_rag <= tau_s, both scores known."""
    scored = (pl.col("status_rag") == "scored") & (pl.col("status_no_retrieval") == "scored")
    return scores.filter(scored & (pl.col("score_rag") <= gates.tau_s))


def rescuers(questions: pl.DataFrame, deep: pl.DataFrame, passages: pl.DataFrame) -> pl.DataFrame:
    """Those rows of ``below`` whose passage holds a gold answer of its question, as whole words."""
    read = deep.join(questions.select("question_id", "golden_answers"), on="question_id", how="inner").join(
        passages.select("passage_id", text=pl.format("{}\n{}", "title", "text")), on="passage_id", how="inner"
    )
    holds = metrics.score("accuracy_unicode", read["text"], read["golden_answers"]) > 0.0
    return read.filter(holds).select(list(tables.RETRIEVALS.schema))


def to_read_alone(
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    passages: pl.LazyFrame,
    kept: pl.DataFrame,
    lost: pl.DataFrame,
    top_k: int,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What the gates score one by one: the top K of the kept questions, and with it the rescuers of the lost ones.

    Gives the first alone and both, as rows of RETRIEVALS, and the PASSAGES that they and all that was looked into name.
    """
    hits = within(retrievals, top_k).join(kept, on="question_id", how="semi")
    deep = below(retrievals, lost, top_k)
    texts = select_passages(passages, pl.concat([hits, deep]))
    return hits, pl.concat([hits, rescuers(questions, deep, texts)]), texts


def gated(kept: pl.DataFrame, lost: pl.DataFrame, scored: pl.DataFrame, gates: Gates) -> pl.DataFrame:
    """GATED_DOCS of the kept questions and of those that are rescued."""
    both = pl.concat([document_gate(kept, scored, gates), rescue_gate(lost, scored, gates)])
    return tables.GATED_DOCS.check(both.sort("question_id", "rank"))


def rescue_gate(lost: pl.DataFrame, scored: pl.DataFrame, gates: Gates) -> pl.DataFrame:
    """GATED_DOCS of the lost questions that a passage alone answers, from ``lost_questions`` and PASSAGE_SCORES.

    A passage passes as in the document gate, and its score must exceed tau_s as a kept question's does. The first
    ``MOST`` that pass are retained; questions without any have no rows.
    """
    rows = scored.join(
        lost.select("question_id", "score_no_retrieval", "score_rag", "label"), on="question_id", how="inner"
    )
    score = pl.col("standalone_score")
    passes = ((score - pl.col("score_no_retrieval") > gates.tau_doc) & (score > gates.tau_s)).fill_null(False)
    frame = (
        rows.sort("question_id", "rank")
        .with_columns(passes.alias("passes"))
        .filter(pl.col("passes").any().over("question_id"))
        .with_columns((pl.col("passes") & (pl.col("passes").cum_sum().over("question_id") <= MOST)).alias("retained"))
        .with_columns(pl.lit(False).alias("fallback"), pl.lit("rescue").alias("gate"))
    )
    return tables.GATED_DOCS.check(frame.select(list(tables.GATED_DOCS.schema)))
