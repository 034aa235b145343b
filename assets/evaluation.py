"""evaluation: the test questions, answered with and without the write-back index."""

import dagster as dg
import polars as pl

from assets.checks import warning_check
from assets.diagnosis import EVALUATION_IS_PLAUSIBLE, plausible
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import TABLE, Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.diagnosis import diagnose_evaluation
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.evaluation.evaluate import evaluate_release
from wbrag_pipeline.evaluation.statistics import changed_questions, summarise


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="evaluation",
    kinds={"polars", "faiss"},
    pool=GENERATOR,
    io_manager_key="tables",
    deps=["writeback_index", dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK)],
    dagster_type=TABLE,
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
    check_specs=[
        warning_check(
            EVALUATION_IS_PLAUSIBLE,
            asset="evaluation",
            description="There are questions enough, they were answered, and units were found; a warning where not.",
        )
    ],
)
@retried_on_the_network
def evaluation(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    questions: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult:
    """Answers and scores of each test question on both sides, at the same K, with the passages each side saw.

    "With" is the release that this run built, served or held back; without one, the release that was built last.
    """
    stage = Stage(context, deployment, encoder, generator)
    release = stage.built_release()
    made = evaluate_release(stage.context, questions, release, passages)
    stage.lineage.record_evaluation(
        stage.run_id, stage.settings.variant, stage.partition, stage.benchmark.corpus, release.name, made.table
    )
    summary = summarise(made.table, seed=stage.settings.seed)
    findings = diagnose_evaluation(made.table, made.figures.get("recall_with"))
    return stage.result(
        made.table,
        figures=made.figures,
        preview=changed_questions(made.table),
        pictures={"scores": chart_markdown(charts.scores({stage.partition: summary}))},
        checks=[plausible(EVALUATION_IS_PLAUSIBLE, findings)],
    )
