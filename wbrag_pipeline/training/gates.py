"""The two gates (paper, sections 3.2 and 3.3): decisions from scores, with no generator in sight."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.gate_thresholds import Gates


def utility_gate(scores: pl.DataFrame, gates: Gates) -> pl.DataFrame:
    """UTILITY_SCORES with ``gain`` and ``kept``: gain > tau_delta and score_rag > tau_s, both strict.

    A question without both scores is not kept: one was not asked, since it could not change that, or failed.
    """
    gain = pl.col("score_rag") - pl.col("score_no_retrieval")
    kept = (gain > gates.tau_delta) & (pl.col("score_rag") > gates.tau_s)
    return scores.with_columns(gain.alias("gain"), kept.fill_null(False).alias("kept"))


def document_gate(kept: pl.DataFrame, scored: pl.DataFrame, gates: Gates) -> pl.DataFrame:
    """GATED_DOCS from the kept rows of ``utility_gate`` and the rows of ``score_passages``.

    A passage is retained iff its standalone score beats the no-retrieval score by more than tau_doc. Where none
    does, the first n_min by rank are retained and the question's rows are marked ``fallback``. A failed
    standalone call (null) does not pass.
    """
    rows = scored.join(
        kept.select("question_id", "score_no_retrieval", "score_rag", "label"), on="question_id", how="inner"
    )
    passes = (pl.col("standalone_score") - pl.col("score_no_retrieval") > gates.tau_doc).fill_null(False)
    frame = (
        rows.with_columns(passes.alias("passes"))
        .with_columns((~pl.col("passes").any().over("question_id")).alias("fallback"))
        .with_columns((pl.col("passes") | (pl.col("fallback") & (pl.col("rank") <= gates.n_min))).alias("retained"))
        .with_columns(pl.lit("utility").alias("gate"))
        .select(list(tables.GATED_DOCS.schema))
        .sort("question_id", "rank")
    )
    return tables.GATED_DOCS.check(frame)
