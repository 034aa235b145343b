"""HyDE: search with the vector of a passage that was made up to answer the question.

Gao et al., "Precise Zero-Shot Dense Retrieval without Relevance Labels" (2022), section 3.2, equation 8: the mean of
the vectors of N made-up passages and the question's own. Here N is 1, since generators are greedy.

It changes what the top K of a question *is*, so it has its place where questions are searched and not in the answer:
the passages that the gates score one by one are then those that the answer was given from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.generator import Answer, Generator, Imagines, Passage, Usage
from wbrag_pipeline.rag import method_options

if TYPE_CHECKING:
    from wbrag_pipeline.rag.policy import Method, Retrieve
    from wbrag_pipeline.rag.searching import Search
    from wbrag_pipeline.retrieval.protocols import Vectors


@dataclass(frozen=True)
class Hyde:
    """Another method, over passages that a made-up passage has found.

    question: whether the question's own vector is in the mean too, as in the paper's equation 8.
    """

    method: Method
    question: bool = True

    @property
    def name(self) -> str:
        """``hyde+naive`` or the like."""
        return f"{method_options.spell('hyde', self)}+{self.method.name}"

    @property
    def needs(self) -> tuple[str, ...]:
        """What the other method needs."""
        return self.method.needs

    def query_vectors(self, generator: Generator, questions: Sequence[str], search: Search) -> Vectors:
        """The vectors that the questions are searched by; a question for which nothing came has its own, and counts.

        A generator that cannot write has its distiller fuse what the question found at first: relevance feedback
        without a user (Rocchio 1971), and no invention.
        """
        encoder = search.base.encoder
        if isinstance(generator, Imagines):
            imagined = [("", text.strip()) for text in generator.imagine(questions)]
        else:
            imagined = [(unit.title, unit.text.strip()) for unit in generator.distill(questions, search(questions))]
        vectors = np.array(encoder.encode_queries(questions), dtype=np.float32)
        there = [place for place, (_, text) in enumerate(imagined) if text]
        generator.count_incidents(Usage(hyde_passages_empty=len(questions) - len(there)))
        if there:
            passages = encoder.encode_passages([imagined[i][0] for i in there], [imagined[i][1] for i in there])
            vectors[there] = passages + vectors[there] if self.question else passages
        # Length 1 again: RePlug's weights and the reader take scores for cosines.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def answer(
        self,
        generator: Generator,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        task: Task,
        retrieve: Retrieve | None = None,
    ) -> list[Answer]:
        """The other method's answers, from passages found by ``query_vectors``. Its own later searches are its own."""
        return self.method.answer(generator, questions, passages, task, retrieve)
