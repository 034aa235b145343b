"""What a retriever is to the experiments: built from everything but the test questions, and how its passages are shown.

The generator is shown the passages with the present encoder's score of each, whatever chose them: the embedded reader
weighs passages by score, and scores of different retrievers do not compare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.retrieval.knowledge_base import HITS
from wbrag_pipeline.retrieval.word_search import FUSED_DEPTH

# SPLIT and KNOWLEDGE_UNITS, or None, to HITS: the top K of each question.
Find = Callable[[pl.DataFrame, pl.DataFrame | None], pl.DataFrame]


@dataclass(frozen=True)
class BuiltRetriever:
    """A retriever that was built.

    find: its own scores; what a generator is shown has passed ``scored``, see ``retrievers.answered_by``.
    megabytes: what it keeps beside the corpus' dense index. train_seconds: what indexing words or training a matrix
    took. made: the tables whose making asked the generator. chosen: what held-out questions chose, if anything.
    calls_a_question: of the generator, to find a question's passages. entries, tokens: texts that it keeps beside the
    corpus, tokens in the generator's vocabulary.
    """

    find: Find
    megabytes: float = 0.0
    train_seconds: float | None = None
    made: tuple[Artifact, ...] = ()
    chosen: float | None = None
    calls_a_question: int = 0
    entries: int = 0
    tokens: int = 0


_KEY = ["query", "origin", "passage_id"]


def scored(
    bench: Workbench, trial: Trial, asked: pl.DataFrame, hits: pl.DataFrame, units: pl.DataFrame | None = None
) -> pl.DataFrame:
    """HITS with the present encoder's score of each passage or unit for its question, in the order they have."""
    if hits.is_empty():
        return hits
    system, encoder, questions = bench.system(trial, units), bench.encoder(trial.settings), asked["question"].to_list()
    near = system.retrieve(questions, top_k=FUSED_DEPTH).select(*_KEY, pl.col("score").alias("known"))
    rows = hits.drop("score").join(near, on=_KEY, how="left", maintain_order="left")
    far = system.base.hits_with_text(rows.filter(pl.col("known").is_null()).drop("known"))
    queries = encoder.encode_queries([questions[query] for query in far["query"]])
    passages = encoder.encode_passages(far["title"].to_list(), far["text"].to_list())
    told = far.select(_KEY).with_columns(pl.Series("told", (queries * passages).sum(axis=1), pl.Float32))
    rows = rows.join(told, on=_KEY, how="left", maintain_order="left")
    return rows.with_columns(score=pl.coalesce("known", "told")).select(HITS.names()).cast(HITS)


def gated_pairs(bench: Workbench, trial: Trial) -> pl.DataFrame:
    """question_id, question and passage_id of every passage that the gates retained for a training question."""
    retained = bench.gated_docs(trial).read().filter("retained").sort("question_id", "rank")
    return retained.select("question_id", "question", "passage_id")


def gated_by(bench: Workbench, trial: Trial) -> tuple[Artifact, ...]:
    """The tables that the gates' decisions took."""
    return bench.retrievals(trial), bench.utility_scores(trial), bench.passage_scores(trial)


def megabytes(bench: Workbench, trial: Trial, vectors: int) -> float:
    """Size of so many vectors of the trial's encoder."""
    return vectors * bench.encoder(trial.settings).dimension * 4 / 1e6
