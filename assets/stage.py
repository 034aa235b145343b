"""What every asset does around its one function call: build the stage's context, time it, report.

A report is figures, a preview, perhaps a picture, checks, and a line in the lineage.
"""

import os
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from resources.corpus import open_corpus
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.run_tags import RELEASE, tag_run
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.formatting import markdown_table, unlinked
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.store import Release, candidate, open_release
from wbrag_pipeline.training.context import StageContext

# A checked asset's result carries no type of its own, and Dagster wants one object for one type.
TABLE = dg.PythonObjectDagsterType(pl.DataFrame)

# Figures that tell something at zero too. Most count what is out of the ordinary, and a line says what there was.
SEEN_AT_ZERO = frozenset(
    """train validation test encoded top_1_score score_no_retrieval score_rag_where_asked generator_calls_sent kept
    published score_without score_with gain gain_low gain_high helped hurt recall_without recall_with units_in_top_k
    validation_served validation_candidate validation_gain validation_gain_low validation_gain_high validation_p
    validation_better validation_worse served with_units""".split()
)
_PREVIEW_ROWS, _PREVIEW_CHARACTERS = 8, 120
_LOOKED_AT = 20  # materializations of one partition, newest first: more than run at the same time


class Stage:
    """Times a stage and writes its result: ``stage = Stage(context, deployment)`` first, ``stage.result(...)`` last."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        deployment: Deployment,
        encoder: EncoderResource | None = None,
        generator: GeneratorResource | None = None,
    ) -> None:
        self.dagster, self.settings = context, deployment.settings
        self.run_id = context.run.run_id
        self.asset, self.partition = context.asset_key.path[-1], context.partition_key
        self.registry = Registry.load(self.settings.home)
        self.lineage = Lineage(self.settings.layout.lineage)
        self._encoder, self._generator = encoder or EncoderResource(), generator or GeneratorResource()
        self._started = time.perf_counter()
        if records := os.environ.get("DAGSTER_HOME"):
            self.settings.layout.note_dagster(Path(records))

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark of this partition."""
        return self.registry.benchmark(self.partition)

    @cached_property
    def context(self) -> StageContext:
        """What the package's stage functions work with; the corpus is opened, and verified, once a run."""
        settings, corpus = self.settings, self.benchmark.corpus
        return StageContext(
            settings,
            self.registry,
            self.benchmark,
            self._encoder.load,
            self._generator.load,
            lambda: open_corpus(settings, corpus, self._encoder.load(settings), self.run_id),
            run=self.run_id,
        )

    def built_release(self) -> Release:
        """The release that ``writeback_index`` built in this run or the one it goes on from; else the candidate.

        Dagster's own record of this run, since a refresh or a promotion by hand may name another candidate meanwhile.
        """
        folder = self.settings.releases(self.partition)
        found = self._built_here(folder) or candidate(folder)
        self.tag_release(found)
        return found

    def tag_release(self, release: Release) -> None:
        """Let the run be found by the release that it makes or looks at."""
        tag_run(self.dagster.instance, self.dagster.run, RELEASE, release.name)

    def _built_here(self, folder: Path) -> Release | None:
        made = dg.AssetRecordsFilter(dg.AssetKey("writeback_index"), asset_partitions=[self.partition])
        tries = self._tries()
        for record in self.dagster.instance.fetch_materializations(made, limit=_LOOKED_AT).records:
            if record.run_id in tries and (found := record.asset_materialization):
                return open_release(folder, str(found.metadata["release"].value))
        return None

    def _tries(self) -> set[str]:
        """This run, and those that it goes on from where they had failed: what these built is what it looks at."""
        tries, run = {self.run_id}, self.dagster.run
        while (before := run.parent_run_id) and before not in tries:
            tries.add(before)
            found = self.dagster.instance.get_run_by_id(before)
            if found is None:
                break
            run = found
        return tries

    def result(
        self,
        value: pl.DataFrame | None = None,
        *,
        rows: int | None = None,
        figures: Mapping[str, float | int | str],
        preview: pl.DataFrame | None = None,
        pictures: Mapping[str, str] | None = None,
        checks: Sequence[dg.AssetCheckResult] = (),
    ) -> dg.MaterializeResult:
        """The asset's result with metadata; ``pictures`` are Markdown. Records the stage in the lineage.

        rows: how many were made, where no table is given that tells it.
        """
        rows = value.height if value is not None else rows or 0
        seconds = round(time.perf_counter() - self._started, 2)
        self.lineage.record_stage(
            self.run_id, self.asset, self.partition, self.settings.variant, rows, seconds, figures
        )
        self.dagster.log.info(f"{self.partition}: {rows} rows in {seconds:.1f} s{in_a_line(figures)}")
        metadata: dict[str, Any] = {"rows": rows, "seconds": seconds, **figures}
        if preview is not None:
            metadata["preview"] = dg.MetadataValue.md(_preview(preview))
        metadata.update({name: dg.MetadataValue.md(picture) for name, picture in (pictures or {}).items()})
        if value is None:
            return dg.MaterializeResult(metadata=metadata, check_results=checks)
        return dg.MaterializeResult(value=value, metadata=metadata, check_results=checks)


def in_a_line(figures: Mapping[str, float | int | str]) -> str:
    """The numbers among the figures as the end of a stage's line, less those that only say that there was nothing."""
    shown = [
        f"{name} {value:.4g}"
        for name, value in figures.items()
        if not isinstance(value, str) and (value or name in SEEN_AT_ZERO)
    ]
    return "; " + ", ".join(shown) if shown else ""


def _preview(frame: pl.DataFrame) -> str:
    """The first rows as a Markdown table; long texts are cut."""
    rows = (
        [f"{value:.4g}" if isinstance(value, float) else value for value in row]
        for row in frame.head(_PREVIEW_ROWS).iter_rows()
    )
    return unlinked(markdown_table(frame.columns, rows, longest=_PREVIEW_CHARACTERS))
