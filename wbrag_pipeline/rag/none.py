"""No retrieval: what the generator knows by itself, the measure that every gain is taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Generator, Passage

if TYPE_CHECKING:
    from wbrag_pipeline.rag.policy import Retrieve


@dataclass(frozen=True)
class NoRetrieval:
    """The generator alone: passages are left aside."""

    name = "none"
    needs = ()

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
