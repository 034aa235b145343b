"""Scores of a RAG method's answers with all, one or none of the retrieved passages (paper, sections 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets import metrics
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Generator, Passage
from wbrag_pipeline.rag.none import NoRetrieval
from wbrag_pipeline.rag.policy import Method, Retrieve
from wbrag_pipeline.rag.searching import passages_in

# What became of a score; see tables.UTILITY_SCORES.
SCORED, FAILED, NOT_ASKED = "scored", "failed", "not_asked"

Value = TypeVar("Value")


class Scores(Protocol):
    """What turns questions into scored answers: ``Scorer`` by gold answers, ``judging.JudgingScorer`` without."""

    def score(
        self,
        questions: pl.DataFrame,
        passages: Sequence[Sequence[Passage]] | None,
        retrieve: Retrieve | None = None,
    ) -> tuple[list[str | None], list[float | None]]:
        """See ``Scorer.score``."""


@dataclass(frozen=True)
class Scorer:
    """Answers questions by one method and generator and scores the answers by one metric, in [0, 1]."""

    generator: Generator
    method: Method
    task: Task
    metric: str

    def score(
        self,
        questions: pl.DataFrame,
        passages: Sequence[Sequence[Passage]] | None,
        retrieve: Retrieve | None = None,
    ) -> tuple[list[str | None], list[float | None]]:
        """Answers and scores for rows of SPLIT; ``passages`` None means no retrieval.

        ``retrieve`` is for methods that search again; without it the passages are all there is.
        A failed answer is None in both lists: it is unknown, not wrong.
        """
        asked = questions["question"].to_list()
        if passages is None:
            answers = NoRetrieval().answer(self.generator, asked, [()] * len(asked), self.task)
        else:
            answers = self.method.answer(self.generator, asked, passages, self.task, retrieve)
        texts = [self.task.parse(answer.text, question) for answer, question in zip(answers, asked, strict=True)]
        scores = metrics.score(self.metric, texts, questions["golden_answers"].to_list())
        return _unless_failed(answers, texts), _unless_failed(answers, scores)


def _unless_failed(answers: Sequence[Answer], values: Sequence[Value]) -> list[Value | None]:
    return [None if answer.failed else value for answer, value in zip(answers, values, strict=True)]


def passages_of(hits: pl.DataFrame, passages: pl.DataFrame, question_ids: Sequence[str]) -> list[list[Passage]]:
    """Passages of each question, best ranked first, from rows (question_id, rank, passage_id, score) and PASSAGES."""
    texts = passages.select("passage_id", "title", "text")
    joined = hits.select("question_id", "rank", "passage_id", "score").join(texts, on="passage_id", how="inner")
    parts = joined.partition_by("question_id", as_dict=True)
    grouped = {key: passages_in(frame.sort("rank")) for (key,), frame in parts.items()}
    return [grouped.get(key, []) for key in question_ids]


def select_passages(passages: pl.LazyFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """The PASSAGES rows that occur in ``hits``, read without holding the whole corpus in memory."""
    wanted = hits.lazy().select(pl.col("passage_id").unique())
    return passages.join(wanted, on="passage_id", how="semi").collect(engine="streaming").sort("passage_id")


def score_utility(
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    passages: pl.DataFrame,
    scorer: Scores,
    *,
    again: Retrieve | None = None,
) -> pl.DataFrame:
    """LABELLED, RETRIEVALS and PASSAGES to UTILITY_SCORES, leaving out calls that can decide nothing.

    Scores lie in [0, 1] and the threshold of the gain is at least 0 and strict, so whatever it is, a question with
    ``s_nr`` = 1 can gain nothing: its RAG score, which takes the long prompt, is not asked. ``again`` searches the
    corpus, for methods that do so in the middle of an answer.
    """
    keys = questions["question_id"].to_list()
    top_k = passages_of(retrievals, passages, keys)
    short, unaided = scorer.score(questions, None)
    asked = [place for place, score in enumerate(unaided) if score not in (1.0, None)]
    some, aided = scorer.score(questions[asked], [top_k[place] for place in asked], again)
    long, scores = _spread(asked, some, len(keys)), _spread(asked, aided, len(keys))
    statuses = _spread(asked, [_status(score) for score in aided], len(keys))
    frame = questions.select("question_id", "question").with_columns(
        pl.Series("answer_no_retrieval", short, pl.String),
        pl.Series("score_no_retrieval", unaided, pl.Float64),
        pl.Series("status_no_retrieval", [_status(score) for score in unaided], pl.String),
        pl.Series("answer_rag", long, pl.String),
        pl.Series("score_rag", scores, pl.Float64),
        pl.Series("status_rag", [status or NOT_ASKED for status in statuses], pl.String),
        questions["label"],
    )
    return tables.UTILITY_SCORES.check(frame)


def _status(score: float | None) -> str:
    return FAILED if score is None else SCORED


def unscored(scores: pl.DataFrame) -> pl.DataFrame:
    """The rows of UTILITY_SCORES that lack a score because a call failed or a verdict could not be read."""
    return scores.filter((pl.col("status_no_retrieval") == FAILED) | (pl.col("status_rag") == FAILED))


def mean(values: pl.Series) -> float:
    """Mean of a numeric column; 0 for no rows."""
    return float(values.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def _spread(places: Sequence[int], values: Sequence[Value | None], size: int) -> list[Value | None]:
    """A list of ``size`` with the values at their places and None elsewhere."""
    spread: list[Value | None] = [None] * size
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return spread


def score_passages(
    questions: pl.DataFrame, retrievals: pl.DataFrame, passages: pl.DataFrame, scorer: Scores
) -> pl.DataFrame:
    """Standalone score of every retrieved passage of the given SPLIT; no method searches again here.

    Gives RETRIEVALS' rows of these questions as PASSAGE_SCORES; a failed call's score is null.
    """
    rows = retrievals.join(questions.select("question_id"), on="question_id", how="semi").sort("question_id", "rank")
    texts = passages.select("passage_id", "title", "text")
    asked = rows.select("question_id", "question").join(
        questions.select("question_id", "golden_answers"), on="question_id", how="left", maintain_order="left"
    )
    found = rows.select("passage_id", "score").join(texts, on="passage_id", how="left", maintain_order="left")
    alone = [[passage] for passage in passages_in(found)]
    _, scores = scorer.score(asked, alone)
    frame = rows.with_columns(
        pl.Series("standalone_score", scores, pl.Float64),
        pl.Series("status", [_status(score) for score in scores], pl.String),
    )
    return tables.PASSAGE_SCORES.check(frame)
