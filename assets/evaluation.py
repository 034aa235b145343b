"""evaluation: the test questions, answered with and without the write-back index."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.evaluation.evaluate import evaluate
from wbrag_pipeline.evaluation.recall import answer_recall
from wbrag_pipeline.evaluation.statistics import changed_questions, summarise
from wbrag_pipeline.releases.store import candidate
from wbrag_pipeline.retrieval.corpus import open_knowledge_base


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="evaluation",
    kinds={"polars", "faiss"},
    io_manager_key="tables",
    deps=["writeback_index", dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK)],
)
def evaluation(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Answers and scores of each test question on both sides, at the same K, with the passages each side saw.

    "With" is the candidate: the release that was built last, served or held back.
    """
    settings = deployment.settings
    stage = Stage(context, settings)
    test = stage.questions("test")
    model, vectors = generator.load(settings), encoder.load(settings)
    release = candidate(settings.releases(stage.partition))
    without = open_knowledge_base(settings, stage.benchmark.corpus, vectors, for_training=True).unrestricted()
    with_writeback = without.with_writeback(release.units(), release.index(vectors))
    with stage.counted(model) as calls:
        frame = evaluate(test, without, with_writeback, stage.scorer(model), top_k=settings.top_k)
    stage.lineage.record_evaluation(
        stage.run_id, settings.variant, stage.partition, stage.benchmark.corpus, release.name, frame
    )
    recalled = {}
    if not task_named(stage.benchmark.task).choices:
        texts = pl.scan_parquet(settings.table("passages", stage.benchmark.corpus))
        recalled = dict(
            zip(("recall_without", "recall_with"), answer_recall(frame, texts, release.units()), strict=True)
        )
    summary = summarise(frame, seed=settings.seed)
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            "score_without": summary.score_without,
            "score_with": summary.score_with,
            "gain": summary.gain,
            "gain_low": summary.ci_low,
            "gain_high": summary.ci_high,
            "helped": summary.helped,
            "hurt": summary.hurt,
            **recalled,
            "units_in_top_k": summary.units_in_top_k,
            "release": release.name,
            **calls,
        },
        preview=changed_questions(frame),
        pictures={"scores": chart_markdown(charts.scores({stage.partition: summary}))},
    )
