"""utility_scores: how well each training question is answered with and without retrieval."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage, mean
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.training.judging import JudgingScorer
from wbrag_pipeline.training.rescue import within
from wbrag_pipeline.training.scoring import score_utility, select_passages, unscored


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    io_manager_key="tables",
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
)
def utility_scores(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    retrievals: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Scores s_nr and s_rag of each training question. Scores only: the thresholds are applied downstream."""
    stage = Stage(context, deployment.settings)
    model = generator.load(deployment.settings)
    retrievals = within(retrievals, deployment.settings.top_k)
    texts = select_passages(passages, retrievals)
    scorer = stage.gate_scorer(model, retrievals, texts)
    again = stage.search(lambda: encoder.load(deployment.settings))
    with stage.counted(model) as calls:
        frame = score_utility(stage.questions("train"), retrievals, texts, scorer, again=again)
    failed = unscored(frame).height
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            "score_no_retrieval": mean(frame["score_no_retrieval"]),
            "score_rag_where_asked": mean(frame["score_rag"].drop_nulls()),
            "rag_calls_spared": frame["score_rag"].null_count() - failed,
            **({"questions_unscored": failed} if failed else {}),
            **({"judge_failed": scorer.judged.failed} if isinstance(scorer, JudgingScorer) else {}),
            **calls,
        },
        preview=frame,
    )
