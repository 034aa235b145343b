"""The usage of a benchmark, from a home: recorded queries beside the tables that trained what is served."""

from __future__ import annotations

from contextlib import suppress

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.releases.pointer import served_name
from wbrag_pipeline.releases.store import open_release
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.usage.question_drift import USUAL, QuestionDrift, question_drift
from wbrag_pipeline.usage.recorded_queries import RecordedQueries
from wbrag_pipeline.usage.sample_figures import UsageFigures, different_questions, sample_figures

# Training questions that are compared at most; of more, as many are taken at even distances.
_MOST_TRAINING = 20_000
_ANSWERED = 0.5  # score with retrieval of a question that counts as answered
_FEWEST_ANSWERED = 20


def read_usage(settings: Settings, benchmark: str, encoder: Encoder) -> UsageFigures:
    """What the recorded queries of a benchmark tell, beside its served release and the questions that trained last.

    Raises IntegrityError for a damaged file.
    """
    recorded = RecordedQueries(settings.usage(benchmark)).read()
    folder = settings.releases(benchmark)
    release = served_name(folder) or ""
    units, trained = pl.Series("unit_id", [], pl.String), settings
    if release:
        opened = open_release(folder, release)
        units, trained = opened.units()["unit_id"], opened.settings(settings)
    questions = different_questions(recorded)
    return sample_figures(
        recorded,
        release=release,
        unit_ids=units,
        good_score=_good_score(trained, benchmark),
        test_share=_test_share(trained, benchmark),
        questions=questions,
        drift=_drift(questions, trained, benchmark, encoder),
    )


def _drift(questions: pl.DataFrame, trained: Settings, benchmark: str, encoder: Encoder) -> QuestionDrift | None:
    if questions.is_empty():
        return None
    try:
        training = tables.RETRIEVALS.load_lazily(trained, benchmark).filter(rank=1).select("question").collect()
    except NotBuiltError:
        return None
    once = training.with_columns(_told=wording(training["question"])).unique("_told", maintain_order=True)["question"]
    taken = once.gather_every(-(-len(once) // _MOST_TRAINING)) if len(once) else once
    if taken.is_empty():
        return None
    return question_drift(
        encoder.encode_queries(questions["question"].to_list()), encoder.encode_queries(taken.to_list())
    )


def _good_score(trained: Settings, benchmark: str) -> float | None:
    """The score that the best passage of nine in ten answered training questions has at least.

    Where few were answered it is that of nine in ten training questions. None before anything was trained.
    """
    try:
        best = tables.RETRIEVALS.load_lazily(trained, benchmark).filter(rank=1).select("question_id", "score").collect()
    except NotBuiltError:
        return None
    with suppress(NotBuiltError):
        scores = tables.UTILITY_SCORES.load(trained, benchmark)
        answered = best.join(scores.filter(pl.col("score_rag") >= _ANSWERED), on="question_id", how="semi")
        if answered.height >= _FEWEST_ANSWERED:
            best = answered
    lowest: float | None = best["score"].quantile(USUAL)
    return lowest


def _test_share(trained: Settings, benchmark: str) -> float | None:
    """Share of the test questions with a unit in their top K; None where nothing was evaluated."""
    try:
        evaluation = tables.EVALUATION.load(trained, benchmark)
    except NotBuiltError:
        return None
    found = pl.col("passages_with").list.eval(pl.element().str.starts_with("writeback:")).list.any()
    share: float | None = evaluation.select(found.fill_null(False).mean()).item()
    return share
