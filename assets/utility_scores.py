"""utility_scores: how well each training question is answered with and without retrieval."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.training import stages


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    pool=GENERATOR,
    io_manager_key="tables",
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
)
@retried_on_the_network
def utility_scores(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Scores s_nr and s_rag of each training question. Scores only: the thresholds are applied downstream."""
    stage = Stage(context, deployment, encoder, generator)
    made = stages.utility_scores(stage.context, questions, retrievals, passages)
    return stage.result(made.table, figures=made.figures, preview=made.table)
