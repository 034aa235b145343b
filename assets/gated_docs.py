"""gated_docs: the questions that retrieval really helps, and the passages that carried the help."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.drawing import chart_markdown
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
def gated_docs(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    generator: GeneratorResource,
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    utility_scores: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Decisions of the utility gate and the document gate; standalone scores come from the completion cache."""
    stage = Stage(context, deployment, generator=generator)
    made = stages.gated_docs(stage.context, questions, retrievals, utility_scores, passages)
    pictures = {"retained_by_rank": chart_markdown(charts.ranks(made.table))} if made.table.height else {}
    return stage.result(made.table, figures=made.figures, preview=made.table, pictures=pictures)
