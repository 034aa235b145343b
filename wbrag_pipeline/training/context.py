"""What a stage works with beside its tables: settings, the benchmark, the engines, and an account of their calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import Task, task_named
from wbrag_pipeline.errors import TooManyFailedError
from wbrag_pipeline.generation.accounts.ledger import accounting
from wbrag_pipeline.generation.engines import deployed_generator
from wbrag_pipeline.generation.generator import Generator, Passage, in_language, usage_figures
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.rag.methods import check_able, method_named
from wbrag_pipeline.rag.policy import Method, Retrieve
from wbrag_pipeline.rag.system import RagSystem
from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrievers.opened_base import open_base
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.judging import JudgingScorer
from wbrag_pipeline.training.scoring import Scorer, Scores

Figure = float | int | str


@dataclass(frozen=True)
class StageContext:
    """A benchmark under some settings, and how to get the engines. Nothing is loaded before a stage needs it.

    open_corpus: the benchmark's corpus, for a reader who may see everything.
    run: on whose account the generator's calls go; account: put before the stage's name there.
    """

    settings: Settings
    registry: Registry
    benchmark: Benchmark
    load_encoder: Callable[[Settings], Encoder]
    load_generator: Callable[[Settings], Generator]
    open_corpus: Callable[[], KnowledgeBase]
    run: str = ""
    account: str = ""

    @classmethod
    def of(
        cls,
        settings: Settings,
        benchmark: str,
        *,
        registry: Registry | None = None,
        encoder: Callable[[Settings], Encoder] = deployed_encoder,
        generator: Callable[[Settings], Generator] = deployed_generator,
        run: str = "",
    ) -> StageContext:
        """The context of a benchmark in this process; its corpus is opened, and verified, once."""
        known = registry or Registry.load(settings.home)
        entry = known.benchmark(benchmark)

        @cache
        def opened() -> KnowledgeBase:
            base = open_base(settings, entry.corpus, encoder(settings), for_training=True)
            return base.unrestricted()

        return cls(settings, known, entry, encoder, generator, opened, run)

    @property
    def encoder(self) -> Encoder:
        """The settings' encoder."""
        return self.load_encoder(self.settings)

    @property
    def language(self) -> str:
        """The language of the benchmark's corpus; English in a context by hand that has none."""
        corpus = self.registry.corpora.get(self.benchmark.corpus)
        return corpus.language if corpus else ENGLISH

    @property
    def generator(self) -> Generator:
        """The settings' generator, for texts in the corpus' language."""
        return in_language(self.load_generator(self.settings), self.language)

    @property
    def method(self) -> Method:
        """The settings' RAG method."""
        return method_named(self.settings.method)

    @property
    def task(self) -> Task:
        """The benchmark's task."""
        return task_named(self.benchmark.task, reduces=self.settings.reduce_answers)

    def system(self) -> RagSystem:
        """The settings' RAG system over the corpus alone."""
        return RagSystem.of_settings(
            self.settings, self.open_corpus(), self.benchmark.task, self.load_generator, self.language
        )

    def scorer(self) -> Scorer:
        """Answers by the settings' method, scored by gold answers and the benchmark's metric."""
        check_able(self.generator, self.method)
        return Scorer(self.generator, self.method, self.task, self.benchmark.metric)

    def gate_scorer(self, retrievals: pl.DataFrame, passages: pl.DataFrame) -> Scores:
        """What the gates go by: gold answers, or the generator's own verdict where the settings say so.

        retrievals, passages: RETRIEVALS and PASSAGES that the verdicts go by.
        """
        if self.settings.scorer == "gold":
            self.benchmark.require_answers()
            return self.scorer()
        check_able(self.generator, self.method, judges=True)
        return JudgingScorer.over(retrievals, passages, self.generator, self.method, self.task)

    def search_again(self) -> Retrieve:
        """Searches the corpus in the middle of an answer; the index is not opened before a method asks."""

        def search(queries: Sequence[str]) -> list[list[Passage]]:
            return self.system().search(queries)

        return search

    @contextmanager
    def counted(self, stage: str, generator: Generator | None) -> Iterator[dict[str, Figure]]:
        """Put the block's generator calls on the stage's account, and fill the yielded dict with them at its end.

        Raises TooManyFailedError where more of them failed for good than the settings allow. Nothing is stored then
        but what was answered, so that a rerun asks for the failed ones alone.
        """
        figures = dict[str, Figure]()
        if generator is None:  # a stage that needs none, this time
            yield figures
            return
        before = replace(generator.usage)
        with accounting(self.account + stage, run=self.run, partition=self.benchmark.name):
            yield figures
        spent = generator.usage.since(before)
        figures.update(usage_figures(spent))
        if spent.failed and spent.failed > self.settings.failure_share * spent.calls:
            where = f"{stage} of {self.benchmark.name}"
            raise TooManyFailedError(where, spent.failed, spent.calls, self.settings.failure_share)
