"""RePlug: each passage in a prompt of its own, next-token distributions mixed by retrieval score.

Shi et al., "REPLUG: Retrieval-Augmented Black-Box Language Models" (2023), section 3.2. The mixing is the generator's
``answer_ensemble``; here are the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Answer, Generator, Passage
from wbrag_pipeline.rag import method_options

if TYPE_CHECKING:
    from wbrag_pipeline.rag.policy import Retrieve


@dataclass(frozen=True)
class RePlug:
    """Passages compete for every token of the answer.

    temperature: what retrieval scores are divided by before the softmax; the paper's inference has 1. Smaller values
        listen to the best passage, larger ones to all alike.
    once: a knowledge unit and the passages it was distilled from count once, not once each
        (``generation.evidence_groups``). Without write-back it changes nothing; "no" is the paper's plain form.
    """

    temperature: float = 1.0
    once: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < math.inf:
            raise InputError(f"must be more than 0, not {self.temperature}", field="temperature")

    @property
    def name(self) -> str:
        """``replug``, with its option where changed."""
        return method_options.spell("replug", self)

    @property
    def needs(self) -> tuple[str, ...]:
        """To mix next-token distributions."""
        return ("distributions",)

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """Answers from the mixture; with one passage it is naive RAG."""
        shares = [weights([passage.score for passage in row], self.temperature) for row in passages]
        if not self.once:
            passages = [[replace(passage, sources=()) for passage in row] for row in passages]
        return generator.answer_ensemble(questions, passages, shares, task)


def weights(scores: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Softmax of ``scores / temperature``. A score's weight does not depend, to the last bit, on the others' order."""
    if not scores:
        return []
    # Against the largest, so that no exponential overflows.
    powers = [math.exp((score - max(scores)) / temperature) for score in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]
