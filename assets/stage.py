"""What every asset does around its one function call: find its benchmark, time it, report.

A report is figures, a preview, perhaps a picture, checks, and a line in the lineage.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import dagster as dg
import polars as pl

from wbrag_pipeline.datasets.registry import Benchmark, Registry
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.datasets.validation_split import split_validation
from wbrag_pipeline.errors import TooManyFailedError
from wbrag_pipeline.generation.generator import Generator, Passage
from wbrag_pipeline.generation.ledger import accounting
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.rag.methods import check_able, method_named
from wbrag_pipeline.rag.policy import Retrieve
from wbrag_pipeline.rag.searching import Search
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.judging import JudgingScorer
from wbrag_pipeline.training.scoring import Scorer, Scores

# A checked asset's result carries no type of its own, and Dagster wants one object for one type.
TABLE = dg.PythonObjectDagsterType(pl.DataFrame)

_PREVIEW_ROWS, _PREVIEW_CHARACTERS = 8, 120


class Stage:
    """Times a stage and writes its result: ``stage = Stage(context, settings)`` first, ``stage.result(...)`` last."""

    def __init__(self, context: dg.AssetExecutionContext, settings: Settings) -> None:
        self.context, self.settings = context, settings
        self.run_id = context.run.run_id
        self.asset, self.partition = context.asset_key.path[-1], context.partition_key
        self.registry = Registry.load(settings.home)
        self.lineage = Lineage(settings.lineage)
        self._started = time.perf_counter()

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark of this partition."""
        return self.registry.benchmark(self.partition)

    def questions(self, split: Literal["train", "validation", "test"]) -> pl.DataFrame:
        """QUESTIONS of a split, as many as the deployment's limit allows.

        The validation part is taken out of the training questions: what trains never sees it.
        """
        if split == "test":
            return self.registry.questions(self.partition, "test", limit=self.settings.limit)
        whole = self.registry.questions(self.partition, "train", limit=self.settings.limit)
        return split_validation(whole, self.settings.validation_share)[split == "validation"]

    def scorer(self, generator: Generator) -> Scorer:
        """Answers by the deployment's method, scored by the benchmark's metric."""
        method, task = method_named(self.settings.method), task_named(self.benchmark.task)
        check_able(generator, method)
        return Scorer(generator, method, task, self.benchmark.metric)

    def gate_scorer(self, generator: Generator, retrievals: pl.DataFrame, passages: pl.DataFrame) -> Scores:
        """What the gates go by: gold answers, or the generator's own verdict where the deployment says so."""
        if self.settings.scorer == "gold":
            self.benchmark.require_answers()
            return self.scorer(generator)
        method, task = method_named(self.settings.method), task_named(self.benchmark.task)
        check_able(generator, method, judges=True)
        return JudgingScorer.over(retrievals, passages, generator, method, task)

    def search(self, encoder: Callable[[], Encoder]) -> Retrieve:
        """Searches the benchmark's corpus; neither encoder nor index is loaded before a method asks."""

        @cache
        def opened() -> Search:
            base = open_knowledge_base(self.settings, self.benchmark.corpus, encoder(), for_training=True)
            return Search(base.unrestricted(), self.settings.top_k)

        def search(queries: Sequence[str]) -> list[list[Passage]]:
            return opened()(queries)

        return search

    @contextmanager
    def counted(self, generator: Generator | None) -> Iterator[dict[str, int]]:
        """Put the block's generator calls on this stage's account, and fill the yielded dict with them at its end.

        Raises TooManyFailedError where more of them failed for good than the deployment allows. Nothing is stored
        then but what was answered, so that a rerun asks for the failed ones alone.
        """
        figures = dict[str, int]()
        if generator is None:  # a stage that needs none, this time
            yield figures
            return
        before = replace(generator.usage)
        with accounting(self.asset, run=self.run_id, partition=self.partition):
            yield figures
        spent = generator.usage.since(before)
        figures.update(generator_calls=spent.calls, generator_calls_sent=spent.sent)
        if spent.prompt_tokens:
            figures.update(prompt_tokens=spent.prompt_tokens, completion_tokens=spent.completion_tokens)
        if spent.failed:
            figures.update(generator_calls_failed=spent.failed)
            if spent.failed > self.settings.failure_share * spent.calls:
                where = f"{self.asset} of {self.partition}"
                raise TooManyFailedError(where, spent.failed, spent.calls, self.settings.failure_share)

    def result(
        self,
        value: Any = None,
        *,
        rows: int,
        figures: Mapping[str, float | int | str],
        preview: pl.DataFrame | None = None,
        pictures: Mapping[str, str] | None = None,
        checks: Sequence[dg.AssetCheckResult] = (),
    ) -> dg.MaterializeResult:
        """The asset's result with metadata; ``pictures`` are Markdown. Records the stage in the lineage."""
        seconds = round(time.perf_counter() - self._started, 2)
        self.lineage.record_stage(
            self.run_id, self.asset, self.partition, self.settings.variant, rows, seconds, figures
        )
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if not isinstance(value, str))
        self.context.log.info(f"{self.partition}: {rows} rows in {seconds:.1f} s{'; ' + shown if shown else ''}")
        metadata: dict[str, Any] = {"rows": rows, "seconds": seconds, **figures}
        if preview is not None:
            metadata["preview"] = dg.MetadataValue.md(markdown_table(preview))
        metadata.update({name: dg.MetadataValue.md(picture) for name, picture in (pictures or {}).items()})
        if value is None:
            return dg.MaterializeResult(metadata=metadata, check_results=checks)
        return dg.MaterializeResult(value=value, metadata=metadata, check_results=checks)


def mean(values: pl.Series) -> float:
    """Mean of a numeric column as a float; 0 for no rows."""
    return float(values.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def markdown_table(frame: pl.DataFrame) -> str:
    """The first rows as a Markdown table; long texts are cut, pipes escaped."""
    rows = [[_cell(value) for value in row] for row in frame.head(_PREVIEW_ROWS).iter_rows()]
    lines = [frame.columns, ["---"] * frame.width, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= _PREVIEW_CHARACTERS else text[: _PREVIEW_CHARACTERS - 1] + "…"
