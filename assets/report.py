"""report: one HTML page a benchmark, with what was gained and what was written back."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from resources.pools import ENCODER
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.benchmark_report import write_report
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.evaluation.experiments.provenance import settings_facts
from wbrag_pipeline.evaluation.statistics import summarise
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.scoring import select_passages
from wbrag_pipeline.usage.recorded_queries import RecordedQueries
from wbrag_pipeline.usage.usage_reading import read_usage


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="evaluation",
    kinds={"html"},
    pool=ENCODER,
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
)
def report(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    utility_scores: pl.DataFrame,
    gated_docs: pl.DataFrame,
    knowledge_units: pl.DataFrame,
    evaluation: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult:
    """The self-contained HTML report and its Markdown twin."""
    stage = Stage(context, deployment)
    settings = stage.settings
    summary = summarise(evaluation, seed=settings.seed)
    path = write_report(
        settings.report(stage.partition),
        title=stage.partition,
        settings_facts=settings_facts(settings, stage.benchmark),
        summary=summary,
        evaluation=evaluation,
        utility_scores=utility_scores,
        gated_docs=gated_docs,
        knowledge_units=knowledge_units,
        passages=select_passages(passages, gated_docs),
        stage_seconds=_seconds(stage),
        units_file=settings.table("knowledge_units", stage.partition),
        usage=_usage(settings, stage.partition, encoder),
    )
    return stage.result(
        rows=evaluation.height,
        figures={"gain": summary.gain, "path": str(path)},
        pictures={"gains": chart_markdown(charts.gains({stage.partition: summary}))},
    )


def _usage(settings: Settings, benchmark: str, encoder: EncoderResource) -> list[tuple[str, str]]:
    """What served queries tell, where some were recorded."""
    if not RecordedQueries(settings.usage(benchmark)).segments():
        return []
    return read_usage(settings, benchmark, encoder.load(settings)).lines()


def _seconds(stage: Stage) -> dict[str, float]:
    """Times from the lineage; a damaged event file costs the page its times, not the run its report."""
    try:
        return stage.lineage.stage_seconds(stage.settings.variant, stage.partition)
    except IntegrityError as error:
        stage.dagster.log.warning(str(error))
        return {}
