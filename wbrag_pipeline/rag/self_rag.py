"""Self-RAG: decide whether to retrieve, answer from each passage, criticise each answer, keep the best.

Asai et al., "Self-RAG: Learning to Retrieve, Generate, and Critique through Self-Reflection" (2023), section 3.3 and
algorithm 1; short answers are one segment. The reflection tokens' probabilities are the generator's affair
(``wants_retrieval``, ``assess``): a language model is asked, the reader has them from its heads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Answer, Assessment, Decides, Generator, Passage
from wbrag_pipeline.rag import method_options

if TYPE_CHECKING:
    from wbrag_pipeline.rag.policy import Retrieve


@dataclass(frozen=True)
class SelfRag:
    """The answer with the greatest ``p(answer) + relevant·p + supported·p + useful·p``.

    threshold: retrieval is used iff its probability is greater; 0.2 is the paper's, 1 never retrieves.
    relevant, supported, useful: weights of the three verdicts; 1, 1 and 0.5 are the paper's.
    """

    threshold: float = 0.2
    relevant: float = 1.0
    supported: float = 1.0
    useful: float = 0.5

    def __post_init__(self) -> None:
        method_options.require_share("threshold", self.threshold)
        for name in ("relevant", "supported", "useful"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InputError(f"must be at least 0, not {getattr(self, name)}", field=name)

    @property
    def name(self) -> str:
        """``self_rag``, with its options where changed."""
        return method_options.spell("self_rag", self)

    @property
    def needs(self) -> tuple[str, ...]:
        """To read decisions and verdicts as probabilities."""
        return ("logprobs",)

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """The best of each question's answers, or the one from no passage where retrieval is not wanted.

        Equal scores: the better ranked passage. A decision that could not be had retrieves; an answer or verdict that
        could not be had takes no part, and with no other left the question's answer is a failed one. What could not be
        had the generator has counted: as a call that failed, or as a verdict that could not be read.
        Raises InputError for a generator that does not decide.
        """
        wanted = self._wanted(generator, questions, passages, task)
        # One candidate a passage; where nothing is retrieved, one from no passage. All in one batch.
        candidates = [
            (place, rank, alone)
            for place, row in enumerate(passages)
            for rank, alone in enumerate([(passage,) for passage in row] if wanted[place] else [()])
        ]
        answers = generator.answer(
            [questions[place] for place, _, _ in candidates], [alone for _, _, alone in candidates], task
        )
        judged = [n for n, answer in enumerate(answers) if candidates[n][2] and not answer.failed]
        verdicts = generator.assess(
            [questions[candidates[n][0]] for n in judged],
            [candidates[n][2][0] for n in judged],
            [answers[n].text for n in judged],
            task,
        )
        scores = {n: self._score(answers[n], verdict) for n, verdict in zip(judged, verdicts, strict=True)}
        best: dict[int, tuple[float, int, Answer]] = {}
        for n, (place, rank, alone) in enumerate(candidates):
            score = scores.get(n) if alone else 0.0
            if score is not None and (place not in best or (score, -rank) > best[place][:2]):
                best[place] = (score, -rank, answers[n])
        return [best[place][2] if place in best else Answer("", failed=True) for place in range(len(questions))]

    def _wanted(
        self, generator: Generator, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task
    ) -> list[bool]:
        if not isinstance(generator, Decides):
            raise InputError(f"{generator.name} cannot say whether it needs retrieval", field="method")
        places = [place for place, row in enumerate(passages) if row]
        wanted = [False] * len(questions)
        decisions = generator.wants_retrieval([questions[place] for place in places], task)
        for place, probability in zip(places, decisions, strict=True):
            wanted[place] = probability is None or probability > self.threshold
        return wanted

    def _score(self, answer: Answer, verdict: Assessment) -> float | None:
        if verdict.failed:
            return None
        return (
            answer.probability
            + self.relevant * verdict.relevant
            + self.supported * verdict.supported
            + self.useful * verdict.useful
        )
