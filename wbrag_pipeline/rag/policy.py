"""What a RAG method is: a policy that turns questions and retrieved passages into answers.

A method speaks to the generator's protocol only. The same method scores, gates and evaluates (paper, section 4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from wbrag_pipeline.benchmarks.tasks import Task
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.protocol import Answer, Generator, Passage

# Searches again, for methods that do so in the middle of an answer: queries → passages, best first.
Retrieve = Callable[[Sequence[str]], list[list[Passage]]]


class Method(Protocol):
    """A RAG method."""

    @property
    def name(self) -> str:
        """The dial's string, for example ``naive``."""

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """One answer a question; ``passages[i]`` are the top K of ``questions[i]``, best first."""


class NoRetrieval:
    """The generator alone: passages are left aside."""

    name = "none"

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """Answers from no passage at all."""
        return generator.answer(questions, [()] * len(questions), task)


class NaiveRag:
    """All passages of the top K in one prompt."""

    name = "naive"

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """Answers from the passages as they were retrieved."""
        return generator.answer(questions, passages, task)


METHODS: dict[str, Callable[[], Method]] = {"none": NoRetrieval, "naive": NaiveRag}


def method_named(name: str) -> Method:
    """The method of that name. Raises InputError that lists the names there are."""
    if name not in METHODS:
        raise InputError(f"there is no RAG method {name!r}", field="method", mend=f"one of {', '.join(METHODS)}")
    return METHODS[name]()
