"""curated_units: every unit with what became of it, and why."""

import dagster as dg
import polars as pl

from assets.checks import blocking_check
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import TABLE, Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.training import stages

FIT_TO_SEARCH = "published_units_are_fit_to_search"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    pool=GENERATOR,
    io_manager_key="tables",
    dagster_type=TABLE,
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
    check_specs=[
        blocking_check(
            FIT_TO_SEARCH,
            asset="curated_units",
            description="Each sentence of a published unit follows from its sources, and none is quarantined text.",
        )
    ],
)
@retried_on_the_network
def curated_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    knowledge_units: pl.DataFrame,
    gated_docs: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult:
    """Unsupported sentences cut, duplicates merged, contradictions resolved, what must not be searched kept out."""
    stage = Stage(context, deployment, encoder, generator)
    known_from = stage.lineage.known_from(stage.settings.variant, stage.partition)
    made = stages.curated_units(stage.context, knowledge_units, gated_docs, passages, known_from)
    stage.lineage.record_curation(stage.run_id, stage.settings.variant, stage.partition, made.table)
    decided = stages.decided_against(made.table)
    unfit = str(made.figures["published_but_unfit"])
    check = dg.AssetCheckResult(
        check_name=FIT_TO_SEARCH, passed=not unfit, metadata={"unfit": unfit, "curation": stage.settings.curate}
    )
    return stage.result(
        made.table,
        figures=made.figures,
        preview=decided.select("unit_id", "state", "reason", "kept_by", "title", "text"),
        checks=[check],
    )
