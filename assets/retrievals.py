"""retrievals: the passages that retrieval finds for every training question."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import ENCODER
from wbrag_pipeline.training import stages


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss", "polars"},
    pool=ENCODER,
    io_manager_key="tables",
    deps=[dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK)],
)
@retried_on_the_network
def retrievals(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    questions: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """The method's top K of the corpus for each training question, and deeper where questions are rescued."""
    stage = Stage(context, deployment, encoder, generator)
    made = stages.retrievals(stage.context, questions)
    return stage.result(made.table, figures=made.figures, preview=made.table)
