"""The comparison that everything else is for: the same questions with and without the write-back index."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets import metrics
from wbrag_pipeline.evaluation.recall import answer_recall
from wbrag_pipeline.evaluation.statistics import summarise
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.releases.store import Release
from wbrag_pipeline.training.context import Figure, StageContext
from wbrag_pipeline.training.scoring import FAILED, SCORED
from wbrag_pipeline.training.stages import StageResult, of_split

# One side of a comparison: a row a test question; answer and score are null where the call failed. `passages` are
# origin-tagged ids in rank order, as in EVALUATION.
ANSWERED = tables.Table(
    "answered",
    pl.Schema(
        {
            "question_id": pl.String(),
            "answer": pl.String(),
            "score": pl.Float64(),
            "passages": pl.List(pl.String()),
        }
    ),
    ("question_id",),
)


def evaluate_release(
    context: StageContext, questions: pl.DataFrame, release: Release, passages: pl.LazyFrame
) -> StageResult:
    """The test part of QUESTIONS to EVALUATION: the corpus alone, and the system that ``release`` was made for."""
    corpus, task = context.open_corpus(), context.benchmark.task
    with_writeback = RagSystem.of_release(release, context.settings, corpus, task, context.load_generator)
    with context.counted("evaluation", with_writeback.generator) as calls:
        frame = evaluate(of_split(questions, "test"), with_writeback, context.benchmark.metric)
    summary = summarise(frame, seed=context.settings.seed)
    recall = answer_recall(with_writeback.task, frame, passages, release.units())
    recalled = zip(("recall_without", "recall_with"), recall, strict=True)
    figures: dict[str, Figure] = {
        "score_without": summary.score_without,
        "score_with": summary.score_with,
        "gain": summary.gain,
        "gain_low": summary.ci_low,
        "gain_high": summary.ci_high,
        "helped": summary.helped,
        "hurt": summary.hurt,
        **{name: share for name, share in recalled if share is not None},
        "units_in_top_k": summary.units_in_top_k,
        "release": release.name,
    }
    return StageResult(frame, {**figures, **calls})


def evaluate(questions: pl.DataFrame, system: RagSystem, metric: str, without: RagSystem | None = None) -> pl.DataFrame:
    """SPLIT to EVALUATION: ``system`` against ``without``, the same system over the corpus alone when None.

    A failed answer counts as wrong: a system that gives no answer has not answered. It counts so on both sides, also
    where it failed on one alone, since a call that was lost says nothing for or against write-back.
    """
    other = without or system.without_writeback()
    sides = [answer_questions(questions, side, metric) for side in (other, system)]
    return join_sides(questions, *sides)


def answer_questions(
    questions: pl.DataFrame, system: RagSystem, metric: str, hits: pl.DataFrame | None = None
) -> pl.DataFrame:
    """SPLIT to ANSWERED by one system, scored by ``metric``; ``hits`` as ``RagSystem.answer`` takes them."""
    answered = system.answer(questions["question"].to_list(), hits=hits)
    scores = metrics.score(metric, answered.texts, questions["golden_answers"].to_list())
    failed = [answer.failed for answer in answered.answers]
    ids = (
        answered.hits.sort("query", "rank")
        .group_by("query", maintain_order=True)
        .agg((pl.col("origin") + ":" + pl.col("passage_id")).alias("ids"))
    )
    tagged = pl.DataFrame({"query": range(questions.height)}, schema={"query": pl.Int32}).join(
        ids, on="query", how="left", maintain_order="left"
    )
    frame = questions.select("question_id").with_columns(
        pl.Series("answer", [None if lost else t for t, lost in zip(answered.texts, failed, strict=True)], pl.String),
        pl.Series("score", [None if lost else s for s, lost in zip(scores, failed, strict=True)], pl.Float64),
        tagged["ids"].fill_null(pl.Series([[]], dtype=pl.List(pl.String))).alias("passages"),
    )
    return ANSWERED.check(frame)


def join_sides(questions: pl.DataFrame, without: pl.DataFrame, with_writeback: pl.DataFrame) -> pl.DataFrame:
    """SPLIT and ANSWERED on both sides to EVALUATION, in the questions' order; see ``evaluate`` on failures."""
    frame = questions
    for side, answered in (("without", without), ("with", with_writeback)):
        status = pl.when(pl.col("score").is_null()).then(pl.lit(FAILED)).otherwise(pl.lit(SCORED)).alias("status")
        named = answered.with_columns(status)
        named = named.rename({name: f"{name}_{side}" for name in ("answer", "score", "status", "passages")})
        frame = frame.join(named, on="question_id", how="left", maintain_order="left")
    lost = (pl.col("status_without") == FAILED) | (pl.col("status_with") == FAILED)
    frame = frame.with_columns(
        pl.col("answer_without", "answer_with").fill_null(""),
        *(pl.when(lost).then(0.0).otherwise(pl.col(name)).alias(name) for name in ("score_without", "score_with")),
    )
    return tables.EVALUATION.check(frame.select(list(tables.EVALUATION.schema)))
