"""The comparison that everything else is for: the same questions with and without the write-back index."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.rag.searching import Search
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.writeback.scoring import Scorer, passages_of


def evaluate(
    questions: pl.DataFrame, without: KnowledgeBase, with_writeback: KnowledgeBase, scorer: Scorer, *, top_k: int
) -> pl.DataFrame:
    """QUESTIONS (the test split) to EVALUATION. Both knowledge bases share the encoder and the corpus.

    A failed answer counts as wrong: a system that gives no answer has not answered. It counts so on both sides, also
    where it failed on one alone, since a call that was lost says nothing for or against write-back.
    """
    asked = questions["question"].to_list()
    vectors = without.encoder.encode_queries(asked)
    columns: dict[str, pl.Series] = {}
    lost = pl.Series([False] * len(asked))
    for side, base in (("without", without), ("with", with_writeback)):
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
        columns[f"answer_{side}"] = pl.Series(answers, dtype=pl.String).fill_null("")
        columns[f"score_{side}"] = pl.Series(scores, dtype=pl.Float64).fill_null(0.0)
        lost = lost | pl.Series(scores, dtype=pl.Float64).is_null()
        columns[f"passages_{side}"] = tagged["ids"].fill_null(pl.Series([[]], dtype=pl.List(pl.String)))
    for side in ("without", "with"):
        columns[f"score_{side}"] = columns[f"score_{side}"].set(lost, 0.0)
    frame = questions.with_columns(**columns).select(list(tables.EVALUATION.schema))
    return tables.EVALUATION.check(frame)
