"""The RAG method ``majority``: each passage answers alone, and the answer that most of them give wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbrag_pipeline.datasets.metrics import normalize_answer
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Answer, Generator, Passage
from wbrag_pipeline.rag import method_options
from wbrag_pipeline.rag.policy import Retrieve


@dataclass(frozen=True)
class MajorityVote:
    """quorum: votes that an answer needs; where none has them, the passages are read together, as in naive RAG."""

    quorum: int = 2

    def __post_init__(self) -> None:
        if self.quorum < 1:
            raise InputError(f"must be at least 1, not {self.quorum}", field="quorum")

    @property
    def name(self) -> str:
        """The setting's value: ``majority``, or ``majority:quorum=3``."""
        return method_options.spell("majority", self)

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing beside plain text."""
        return ()

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """Two batches: all passages one by one, then the questions that no answer has won."""
        ballots = [(place, passage) for place, row in enumerate(passages) for passage in row]
        cast = generator.answer([questions[place] for place, _ in ballots], [[passage] for _, passage in ballots], task)
        votes: list[list[Answer]] = [[] for _ in questions]
        for (place, _), answer in zip(ballots, cast, strict=True):
            votes[place].append(answer)
        answers = {place: won for place, row in enumerate(votes) if (won := self._winner(row, task))}
        rest = [place for place in range(len(questions)) if place not in answers]
        read = generator.answer([questions[place] for place in rest], [passages[place] for place in rest], task)
        answers.update(zip(rest, read, strict=True))
        return [answers[place] for place in range(len(questions))]

    def _winner(self, votes: Sequence[Answer], task: Task) -> Answer | None:
        """The answer with the most votes, of equally many that of the best passage; None below the quorum."""
        if any(vote.failed for vote in votes):
            return Answer("", failed=True)  # what one passage says is not known, so neither is who wins
        alike: dict[str, list[Answer]] = {}
        for vote in votes:
            if vote.text:
                alike.setdefault(normalize_answer(task.parse(vote.text)), []).append(vote)
        most = max(alike.values(), key=len, default=[])
        return most[0] if len(most) >= self.quorum else None
