"""gated_docs: the questions that retrieval really helps, and the passages that carried the help."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage, mean
from resources.deployment import Deployment
from resources.engines import GeneratorResource
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.training.gates import utility_gate
from wbrag_pipeline.training.judging import JudgingScorer
from wbrag_pipeline.training.rescue import gated, lost_questions, rescues, to_read_alone
from wbrag_pipeline.training.scoring import score_passages


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    io_manager_key="tables",
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
)
def gated_docs(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    generator: GeneratorResource,
    retrievals: pl.DataFrame,
    utility_scores: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Decisions of the utility gate and the document gate; standalone scores come from the completion cache."""
    settings = deployment.settings
    stage = Stage(context, settings)
    model = generator.load(settings)
    kept = utility_gate(utility_scores, settings.gates).filter("kept")
    questions = stage.questions("train")
    rescuing = rescues(settings, task_named(stage.benchmark.task))
    lost = lost_questions(utility_scores, settings.gates) if rescuing else utility_scores.clear()
    hits, asked, texts = to_read_alone(questions, retrievals, passages, kept, lost, settings.top_k)
    scorer = stage.gate_scorer(model, hits, texts)
    with stage.counted(model) as calls:
        scored = score_passages(questions, asked, texts, scorer)
    frame = gated(kept, lost, scored, settings.gates)
    rescued = frame.join(lost, on="question_id", how="semi")
    by_question = frame.group_by("question_id").agg(pl.col("retained").sum(), pl.col("fallback").first())
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            "kept": kept.height,
            "kept_share": kept.height / max(1, utility_scores.height),
            **({"rescued": rescued["question_id"].n_unique()} if rescuing else {}),
            "fallback_rate": mean(by_question["fallback"]),
            "retained_passages": mean(by_question["retained"]),
            **({"judge_failed": scorer.judged.failed} if isinstance(scorer, JudgingScorer) else {}),
            **calls,
        },
        preview=frame,
        pictures={"retained_by_rank": chart_markdown(charts.ranks(frame))} if frame.height else {},
    )
