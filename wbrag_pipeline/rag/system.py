"""One RAG system: a method over a knowledge base. What is validated, what is asked and what is served are all this.

::

    system = RagSystem(base, method_named("hyde+naive"), lambda: generator, task_named("open_qa"), top_k=5)
    hits = system.retrieve(["Who founded Aldermoor?"])        # the passages that the method reads, in rank order
    answered = system.answer(["Who founded Aldermoor?"])      # the same passages, and the answers from them
    system.with_release(release)                              # the same system with a release's units beside the corpus
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wbrag_pipeline.datasets.tasks import Task, task_named
from wbrag_pipeline.generation.generator import Answer, Generator, Passage, in_language
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.rag.methods import check_able, method_named
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.searching import Search, TransformsQueries, passages_by_query, refuse_own_vectors
from wbrag_pipeline.releases.store import Release
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from wbrag_pipeline.retrieval.protocols import Vectors


@dataclass(frozen=True)
class Answered:
    """Answers and what they were given from.

    hits: ``KnowledgeBase.hits_with_text`` of all questions; ``query`` is the question's place.
    answers: one a question. texts: each answer in the task's canonical form; "" for a failed one.
    """

    hits: pl.DataFrame
    answers: list[Answer]
    texts: list[str]


@dataclass(frozen=True)
class RagSystem:
    """A method over a knowledge base, by one generator, at one K.

    load_generator: called when a generator is first needed; retrieval needs one only where the method changes queries.
    """

    base: KnowledgeBase
    method: Method
    load_generator: Callable[[], Generator]
    task: Task
    top_k: int

    @classmethod
    def of_settings(
        cls,
        settings: Settings,
        base: KnowledgeBase,
        task: str,
        load_generator: Callable[[Settings], Generator],
        language: str = ENGLISH,
    ) -> RagSystem:
        """The system that the settings describe, for questions in that language."""
        asked = task_named(task, reduces=settings.reduce_answers)

        def load() -> Generator:
            return in_language(load_generator(settings), language)

        return cls(base, method_named(settings.method), load, asked, settings.top_k)

    @classmethod
    def of_release(
        cls,
        release: Release,
        settings: Settings,
        base: KnowledgeBase,
        task: str,
        load_generator: Callable[[Settings], Generator],
    ) -> RagSystem:
        """The system that a release was made for: method, generator, K and language are those it was validated with."""
        made = release.settings(settings)
        system = cls.of_settings(made, base.merging(made.merge), task, load_generator, release.language)
        return system.with_release(release)

    @property
    def generator(self) -> Generator:
        """The generator. Raises InputError where it lacks what the method needs."""
        generator = self.load_generator()
        check_able(generator, self.method)
        return generator

    def with_release(self, release: Release) -> RagSystem:
        """The same system with the release's units beside the corpus. Raises IntegrityError for a damaged release."""
        return self._over(self.base.with_writeback(release.units(), release.index(self.base.encoder)))

    def without_writeback(self) -> RagSystem:
        """The same system over the corpus alone."""
        return self._over(self.base.without_writeback())

    def for_reader(self, labels: Collection[str]) -> RagSystem:
        """The same system for a reader with these access labels."""
        return self._over(self.base.for_reader(labels))

    def unrestricted(self) -> RagSystem:
        """The same system for training and evaluation, which may see everything."""
        return self._over(self.base.unrestricted())

    def query_vectors(self, questions: Sequence[str]) -> Vectors:
        """Vectors [questions, dimension] that the questions are searched by, as the method has them.

        Raises InputError where the method makes a vector of its own and the corpus is searched by words.
        """
        if isinstance(self.method, TransformsQueries):
            if self.base.takes_texts:
                refuse_own_vectors(self.method.name, self.base.search_kind)
            return self.method.query_vectors(self.generator, questions, self.search)
        return self.base.query_vectors(questions)

    def retrieve(
        self, questions: Sequence[str], *, top_k: int | None = None, vectors: Vectors | None = None
    ) -> pl.DataFrame:
        """The passages that the method begins with, as ``knowledge_base.HITS``.

        top_k: another depth than the system's, for training, which looks deeper than the method reads.
        vectors: what ``query_vectors`` gave for these questions, when that is already known.
        """
        known = self.query_vectors(questions) if vectors is None else vectors
        return self.base.search(questions, top_k or self.top_k, query_vectors=known)

    @property
    def search(self) -> Search:
        """Searches by a query's own vector: what methods call that search again in the middle of an answer."""
        return Search(self.base, self.top_k)

    def passages(self, hits: pl.DataFrame, questions: int) -> list[list[Passage]]:
        """The passages of each question, best first, out of ``hits`` with texts."""
        return passages_by_query(hits, questions)

    def answer(
        self, questions: Sequence[str], *, vectors: Vectors | None = None, hits: pl.DataFrame | None = None
    ) -> Answered:
        """Retrieve and answer; ``vectors`` as for ``retrieve``.

        hits: ``knowledge_base.HITS`` to answer from, where something else than the search has chosen the passages.
        """
        hits = self.base.hits_with_text(self.retrieve(questions, vectors=vectors) if hits is None else hits)
        answers = self.method.answer(
            self.generator, questions, self.passages(hits, len(questions)), self.task, self.search
        )
        texts = [
            "" if answer.failed else self.task.parse(answer.text, question)
            for answer, question in zip(answers, questions, strict=True)
        ]
        return Answered(hits, answers, texts)

    def _over(self, base: KnowledgeBase) -> RagSystem:
        return replace(self, base=base)
