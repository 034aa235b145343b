"""Scores without gold answers: the generator judges, so that the gates can run on unlabelled questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Generator, Judges, Passage
from wbrag_pipeline.rag.none import NoRetrieval
from wbrag_pipeline.rag.policy import Method, Retrieve
from wbrag_pipeline.training.scoring import passages_of


@dataclass
class Judged:
    """Answers that were put before the judge, and those of them on which it could not be had."""

    asked: int = 0
    failed: int = 0


@dataclass(frozen=True)
class JudgingScorer:
    """Stands in for ``scoring.Scorer``: the same answers, scored by the generator's own verdict.

    evidence: the top K passages of each question by id. Every answer to a question is judged by the same passages,
        also the one given without any: otherwise the three scores could not be compared, and a model that judges
        its own unread answer by nothing else would agree with itself.
    judged: counts, over the life of the scorer.

    A verdict that is more probable than not scores 1, another 0, like the gold metrics.
    """

    generator: Generator
    method: Method
    task: Task
    evidence: Mapping[str, Sequence[Passage]]
    judged: Judged = field(default_factory=Judged, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.generator, Judges):
            raise InputError(f"{self.generator.name} cannot judge answers", field="scorer", hint="use gold")

    @classmethod
    def over(
        cls, retrievals: pl.DataFrame, passages: pl.DataFrame, generator: Generator, method: Method, task: Task
    ) -> JudgingScorer:
        """A scorer whose evidence is RETRIEVALS with the texts of PASSAGES."""
        keys = retrievals["question_id"].unique(maintain_order=True).to_list()
        found = passages_of(retrievals, passages, keys)
        return cls(generator, method, task, dict(zip(keys, found, strict=True)))

    def score(
        self,
        questions: pl.DataFrame,
        passages: Sequence[Sequence[Passage]] | None,
        retrieve: Retrieve | None = None,
    ) -> tuple[list[str | None], list[float | None]]:
        """Answers and scores for rows of (question_id, question); gold answers are not looked at.

        ``passages`` None means no retrieval. A failed answer is None in both lists; an answer that could not be
        judged has a None score, and is counted: it is unknown, not wrong.
        """
        asked = questions["question"].to_list()
        given = [()] * len(asked) if passages is None else passages
        method = NoRetrieval() if passages is None else self.method
        answers = method.answer(self.generator, asked, given, self.task, retrieve)
        texts = [
            None if answer.failed else self.task.parse(answer.text, question)
            for answer, question in zip(answers, asked, strict=True)
        ]
        return texts, self._judge(questions["question_id"].to_list(), asked, texts)

    def _judge(
        self, question_ids: Sequence[str], asked: Sequence[str], texts: Sequence[str | None]
    ) -> list[float | None]:
        scores: list[float | None] = [None if text is None else 0.0 for text in texts]
        # No words are no answer, whoever judges.
        told = {place: text for place, text in enumerate(texts) if text}
        assert isinstance(self.generator, Judges)  # see __post_init__
        verdicts = self.generator.judge(
            [asked[place] for place in told],
            [self.evidence.get(question_ids[place], ()) for place in told],
            list(told.values()),
            self.task,
        )
        self.judged.asked += len(told)
        for place, verdict in zip(told, verdicts, strict=True):
            if verdict is None:
                self.judged.failed += 1
            scores[place] = None if verdict is None else float(verdict > 0.5)
        return scores
