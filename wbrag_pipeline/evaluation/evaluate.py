"""The comparison that everything else is for: the same questions with and without the write-back index."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.rag.searching import Search
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.training.scoring import Scorer, passages_of

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


def evaluate(
    questions: pl.DataFrame, without: KnowledgeBase, with_writeback: KnowledgeBase, scorer: Scorer, *, top_k: int
) -> pl.DataFrame:
    """QUESTIONS (the test split) to EVALUATION. Both knowledge bases share the encoder and the corpus.

    A failed answer counts as wrong: a system that gives no answer has not answered. It counts so on both sides, also
    where it failed on one alone, since a call that was lost says nothing for or against write-back.
    """
    vectors = without.encoder.encode_queries(questions["question"].to_list())
    sides = [
        answer_questions(questions, base, scorer, top_k=top_k, vectors=vectors) for base in (without, with_writeback)
    ]
    return join_sides(questions, *sides)


def answer_questions(
    questions: pl.DataFrame, base: KnowledgeBase, scorer: Scorer, *, top_k: int, vectors: Vectors | None = None
) -> pl.DataFrame:
    """QUESTIONS to ANSWERED over one knowledge base; ``vectors`` are the questions' own where they are known."""
    asked = questions["question"].to_list()
    if vectors is None:
        vectors = base.encoder.encode_queries(asked)
    search = Search(base, top_k)
    hits = base.hits_with_text(search.first(scorer.method, scorer.generator, asked, vectors))
    passages = passages_of(hits, hits.unique("passage_id"), list(range(len(asked))), "query")
    answers, scores = scorer.score(questions, passages, search)
    ids = (
        hits.sort("query", "rank")
        .group_by("query", maintain_order=True)
        .agg((pl.col("origin") + ":" + pl.col("passage_id")).alias("ids"))
    )
    tagged = pl.DataFrame({"query": range(len(asked))}, schema={"query": pl.Int32}).join(
        ids, on="query", how="left", maintain_order="left"
    )
    frame = questions.select("question_id").with_columns(
        pl.Series("answer", answers, dtype=pl.String),
        pl.Series("score", scores, dtype=pl.Float64),
        tagged["ids"].fill_null(pl.Series([[]], dtype=pl.List(pl.String))).alias("passages"),
    )
    return ANSWERED.check(frame)


def join_sides(questions: pl.DataFrame, without: pl.DataFrame, with_writeback: pl.DataFrame) -> pl.DataFrame:
    """QUESTIONS and ANSWERED on both sides to EVALUATION, in the questions' order; see ``evaluate`` on failures."""
    frame = questions
    for side, answered in (("without", without), ("with", with_writeback)):
        named = answered.rename({name: f"{name}_{side}" for name in ("answer", "score", "passages")})
        frame = frame.join(named, on="question_id", how="left", maintain_order="left")
    lost = pl.col("score_without").is_null() | pl.col("score_with").is_null()
    frame = frame.with_columns(
        pl.col("answer_without", "answer_with").fill_null(""),
        *(pl.when(lost).then(0.0).otherwise(pl.col(name)).alias(name) for name in ("score_without", "score_with")),
    )
    return tables.EVALUATION.check(frame.select(list(tables.EVALUATION.schema)))
