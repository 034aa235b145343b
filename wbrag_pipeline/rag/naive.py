"""Naive RAG: the top K passages, read together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Generator, Passage

if TYPE_CHECKING:
    from wbrag_pipeline.rag.policy import Retrieve


@dataclass(frozen=True)
class NaiveRag:
    """All passages of the top K in one prompt."""

    name = "naive"
    needs = ()

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
