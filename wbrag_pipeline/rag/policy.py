"""What a RAG method is: a policy that turns questions and retrieved passages into answers.

A method speaks to the generator's protocol only. The same method scores, gates and evaluates (WriteBack-RAG, section
4.1). ``methods`` lists those that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Generator, Passage

# Searches again, for methods that do so in the middle of an answer: queries → passages, best first.
Retrieve = Callable[[Sequence[str]], list[list[Passage]]]


class Method(Protocol):
    """A RAG method."""

    @property
    def name(self) -> str:
        """The setting's value in its one canonical spelling: ``naive``, ``flare:theta=0.6``."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What it needs beside plain text of what runs a language model: fields of ``engine_protocol.Capabilities``."""

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """One answer a question; ``passages[i]`` are the top K of ``questions[i]``, best first.

        Without ``retrieve`` these passages are all there is, as for the document gate's standalone scores.
        """
