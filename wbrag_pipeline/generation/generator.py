"""What every generator can do, as the RAG methods and gates see it: no prompt string, no tensor.

All calls take and return batches, in order. The distiller's call has no place for a gold answer: that is how
the paper's rule (section 3.4) is kept by the types and not by care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from wbrag_pipeline.datasets.tasks import Task


@dataclass(frozen=True)
class Passage:
    """A passage as a generator reads it.

    score: the retriever's inner product with the question.
    sources: ids of the passages that a knowledge unit was distilled from; () for a passage of the corpus. A generator
        does not read them: they say which passages are one evidence group (``evidence_groups``).
    """

    passage_id: str
    title: str
    text: str
    score: float = 0.0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer. ``probability`` of the whole, and of each token where the generator has them.

    failed: the call failed for good; the row is recorded and left out of the gates.
    finished: the generator ended the answer itself and was not cut at its token limit.
    """

    text: str
    probability: float = 0.0
    token_probabilities: tuple[tuple[str, float], ...] = ()
    failed: bool = False
    finished: bool = True


@dataclass(frozen=True)
class Assessment:
    """Self-RAG's three verdicts on an answer from one passage, each a probability (Asai et al., section 3).

    failed: a verdict could not be had; the numbers say nothing.
    """

    relevant: float
    supported: float
    useful: float
    failed: bool = False


@dataclass(frozen=True)
class Verdict:
    """What passages say of a claim: each a probability, the three sum to 1.

    failed: the call failed for good; the numbers say nothing.
    """

    supports: float
    refutes: float
    undecided: float
    failed: bool = False


@dataclass(frozen=True)
class Distillate:
    """A knowledge unit's wording: a title line and one paragraph.

    extractive: a language model's wording could not be used, and the extractive distiller wrote this one.
    failed: the calls failed for good; there is no text, and a rerun tries again.
    """

    title: str
    text: str
    extractive: bool = False
    failed: bool = False


@dataclass
class Usage:
    """What was asked of a generator.

    calls: completions wanted, equal ones in a batch counted once; of them ``cached`` were not sent.
    failed: calls that failed for good, after all tries.
    attempts: requests really made: repeated tries, probes and RePlug's single steps included.
    prompt_tokens, completion_tokens: of the calls that were sent, as the engine counts them; 0 where it does not.
    seconds: wall time spent waiting for the engine.
    """

    calls: int = 0
    cached: int = 0
    failed: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Calls that the generator really answered, or failed to."""
        return self.calls - self.cached

    def since(self, earlier: Usage) -> Usage:
        """The difference to an earlier copy."""
        return Usage(*(getattr(self, field.name) - getattr(earlier, field.name) for field in fields(self)))

    def add(self, other: Usage) -> None:
        """Count ``other`` in, in place."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class Generator(Protocol):
    """See the module's docstring. ``passages[i]`` belongs to ``questions[i]``, best ranked first, and may be empty."""

    @property
    def name(self) -> str:
        """The setting's value, for example ``reader`` or ``vllm:meta-llama/Llama-3.1-8B-Instruct``."""

    @property
    def fingerprint(self) -> str:
        """Hash of whatever decides the output: weights, revision, sampling. Part of the cache's key."""

    @property
    def prompt_version(self) -> str:
        """Version of the wording in use, recorded with every unit."""

    @property
    def usage(self) -> Usage:
        """Calls so far in this process, and how many of them a cache answered."""

    def answer(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], task: Task) -> list[Answer]:
        """One answer a question, from all its passages, or from none where there are none."""

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        """RePlug: one prompt a passage, next-token distributions mixed with ``weights`` (each row sums to 1).

        Passages with a source in common are one evidence group and count once: see ``evidence_groups``.
        """

    def assess(
        self, questions: Sequence[str], passages: Sequence[Passage], answers: Sequence[str], task: Task
    ) -> list[Assessment]:
        """Self-RAG: the verdicts on each answer, given one passage each."""

    def verify(self, claims: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Verdict]:
        """What each claim's passages say of it, by themselves and not by what the generator knows."""

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One knowledge unit a question, from its passages."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text in this generator's own vocabulary."""


@runtime_checkable
class Limited(Protocol):
    """A generator that may lack what a method needs, depending on what runs it."""

    def require(self, abilities: Sequence[str]) -> None:
        """Raise InputError for the first of ``abilities`` (``engine_protocol.Capabilities``) that cannot be had."""


# What only some generators can do. A method that wants it asks with isinstance, and says so where it is not there.


@runtime_checkable
class Imagines(Protocol):
    """HyDE's half of a generator."""

    def imagine(self, questions: Sequence[str]) -> list[str]:
        """A made-up passage that answers each question; "" where the call failed for good."""


@runtime_checkable
class Judges(Protocol):
    """Scoring without a gold answer."""

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        """Probability that each answer is right; None where the call failed, which is neither right nor wrong."""


@runtime_checkable
class Decides(Protocol):
    """Self-RAG's first decision."""

    def wants_retrieval(self, questions: Sequence[str], task: Task) -> list[float | None]:
        """Probability that each question needs retrieval; None where the call failed."""


@runtime_checkable
class LooksAhead(Protocol):
    """FLARE's half of a generator."""

    def look_ahead(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], so_far: Sequence[str], task: Task
    ) -> list[Answer]:
        """How each answer that begins with ``so_far`` goes on, with every token's probability; the beginning is not
        repeated. ``finished`` says whether the answer ends there."""
