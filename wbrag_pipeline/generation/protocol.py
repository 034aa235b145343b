"""What every generator can do, as the RAG methods and gates see it: no prompt string, no tensor.

All calls take and return batches, in order. The distiller's call has no place for a gold answer: that is how
the paper's rule (section 3.4) is kept by the types and not by care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wbrag_pipeline.benchmarks.tasks import Task


@dataclass(frozen=True)
class Passage:
    """A passage as a generator reads it. ``score`` is the retriever's inner product with the question."""

    passage_id: str
    title: str
    text: str
    score: float = 0.0


@dataclass(frozen=True)
class Answer:
    """An answer. ``probability`` of the whole, and of each token where the generator has them.

    failed: the call failed for good; the row is recorded and left out of the gates.
    """

    text: str
    probability: float = 0.0
    token_probabilities: tuple[tuple[str, float], ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Assessment:
    """Self-RAG's three verdicts on an answer from one passage, each a probability (Asai et al., section 3)."""

    relevant: float
    supported: float
    useful: float


@dataclass(frozen=True)
class Distillate:
    """A knowledge unit's wording: a title line and one paragraph."""

    title: str
    text: str


@dataclass
class Usage:
    """What was asked of a generator: ``calls`` in all, of them ``cached`` not sent."""

    calls: int = 0
    cached: int = 0

    @property
    def sent(self) -> int:
        """Calls that the generator really answered."""
        return self.calls - self.cached

    def since(self, earlier: Usage) -> Usage:
        """The difference to an earlier copy."""
        return Usage(self.calls - earlier.calls, self.cached - earlier.cached)


class Generator(Protocol):
    """See the module's docstring. ``passages[i]`` belongs to ``questions[i]``, best ranked first, and may be empty."""

    @property
    def name(self) -> str:
        """The dial's string, for example ``reader`` or ``vllm:meta-llama/Llama-3.1-8B-Instruct``."""

    @property
    def fingerprint(self) -> str:
        """Hash of whatever decides the output: weights, revision, sampling. Part of the cache's key."""

    @property
    def prompt_version(self) -> str:
        """Version of the wording in use, recorded with every unit."""

    @property
    def usage(self) -> Usage:
        """Calls so far in this process, and how many of them a cache answered."""

    def answer(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task
    ) -> list[Answer]: ...

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        """RePlug: one prompt a passage, next-token distributions mixed with ``weights`` (each row sums to 1)."""

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]: ...

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]: ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text in this generator's own vocabulary."""
