"""The paper's experiments as assets: one partition a benchmark, so that they can be backfilled, and one report of all.

They keep their tables under ``experiments/`` and touch neither the training's tables nor a release.
"""

from collections.abc import Callable, Mapping

import dagster as dg
import polars as pl
from pydantic import Field

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.evaluation.experiments import pictures
from wbrag_pipeline.evaluation.experiments.conduct import PAPER_METHODS, Study, cells, conduct
from wbrag_pipeline.evaluation.experiments.experiments_report import (
    all_pictures,
    gather,
    write_experiments_report,
)
from wbrag_pipeline.evaluation.experiments.matrix import headline
from wbrag_pipeline.evaluation.experiments.results import RESULT_TABLES, Results
from wbrag_pipeline.evaluation.experiments.transfer import own_against_other
from wbrag_pipeline.evaluation.experiments.trials import Workbench
from wbrag_pipeline.rag.methods import method_named

Figures = Callable[[pl.DataFrame], Mapping[str, float | int]]
Pictures = Callable[[pl.DataFrame], Mapping[str, str]]


class Methods(dg.Config):
    """Which methods an experiment tries."""

    methods: list[str] = Field(
        default=list(PAPER_METHODS),
        description="RAG methods; the first one's thresholds are moved, the first two exchange their units",
    )


def _experiment(kind: str, description: str, figures: Figures, draw: Pictures) -> dg.AssetsDefinition:
    # The others find in the cache what the matrix has made.
    after = [] if kind == "matrix" else [dg.AssetDep("matrix_experiment")]

    @dg.asset(
        name=f"{kind}_experiment",
        description=description,
        partitions_def=BENCHMARKS,
        group_name="experiments",
        kinds={"polars", "parquet"},
        pool=GENERATOR,
        deps=[dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK), *after],
    )
    @retried_on_the_network
    def experiment(
        context: dg.AssetExecutionContext,
        config: Methods,
        deployment: Deployment,
        encoder: EncoderResource,
        generator: GeneratorResource,
    ) -> dg.MaterializeResult:
        stage = Stage(context, deployment)
        settings = stage.settings
        methods = tuple(method_named(name).name for name in config.methods)
        study = Study(settings, (stage.partition,), (settings.generator,), methods, methods[:2])
        bench = Workbench(settings, stage.registry, encoder.load, generator.load)
        conduct(list(cells(bench, study, (kind,))), context.log.info)
        table = RESULT_TABLES[kind]
        rows = study.own_rows(table, Results(settings, settings.generator).read(table, study.benchmarks))
        return stage.result(rows=rows.height, figures=figures(rows), preview=rows, pictures=draw(rows))

    return experiment


def _gains(rows: pl.DataFrame) -> dict[str, float | int]:
    h = headline(rows)
    return {"mean_gain": h.mean_gain, "settings": h.settings, "improved": h.improved, "better": h.better} | {
        "worse": h.worse
    }


def _transferred(rows: pl.DataFrame) -> dict[str, float | int]:
    apart = [abs(value) for value in own_against_other(rows)["difference"].drop_nulls()]
    return {"largest_difference": max(apart, default=0.0)}


def _ablated(rows: pl.DataFrame) -> dict[str, float | int]:
    gains = rows["gain"].to_list()
    sent = {name: int(rows[name].sum()) for name in ("scoring_sent", "distilling_sent")}
    return {"least_gain": min(gains), "largest_gain": max(gains), **sent}


def _ceilings(rows: pl.DataFrame) -> dict[str, float | int]:
    return {name.replace(" ", "_"): score for name, score in rows.select("ceiling", "score").iter_rows()}


EXPERIMENTS = [
    _experiment(
        "matrix",
        "All methods on this benchmark, without and with write-back, each gated and distilled by itself.",
        _gains,
        lambda rows: {"gain": chart_markdown(pictures.gain_bars(rows, pictures.reach_of(rows)))},
    ),
    _experiment(
        "transfer",
        "Units that one method wrote back, used under another: none, own, other.",
        _transferred,
        lambda rows: {"gain": chart_markdown(pictures.transfer_bars(rows, pictures.reach_of(rows)))},
    ),
    _experiment(
        "ablation",
        "The gates' thresholds, the fallback and K, moved one at a time; thresholds cost no scoring.",
        _ablated,
        lambda rows: {
            part["parameter"][0]: chart_markdown(pictures.threshold_curve(part))
            for part in rows.partition_by("parameter", maintain_order=True)
        },
    ),
    _experiment(
        "oracle",
        "What perfect gates and a perfect choice among the units would reach; they look at the test's answers.",
        _ceilings,
        lambda rows: {"ceilings": chart_markdown(pictures.ceiling_dots(rows))},
    ),
]


@dg.asset(group_name="experiments", kinds={"html"}, deps=EXPERIMENTS)
def experiments_report(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult:
    """One page over all benchmarks whose matrix has been made, with its Markdown, CSV and Parquet twins."""
    settings = deployment.settings
    registry = Registry.load(settings.home)
    findings = gather(settings, registry, (settings.generator,), list(registry.benchmarks))
    path = write_experiments_report(settings.layout.experiments, findings)
    drawn = {
        f"{group}_{name}".replace("-", "_"): dg.MetadataValue.md(chart_markdown(chart))
        for group, several in all_pictures(findings).items()
        for name, chart, _ in several
    }
    return dg.MaterializeResult(metadata={**_gains(findings.matrix), "path": dg.MetadataValue.path(path), **drawn})
