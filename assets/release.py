"""release: the candidate promoted to what is served, or held back with the reason."""

import dagster as dg
import polars as pl

from assets.checks import warn_unless, warning_check
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.evaluation.promotion import record_decision, validate_candidate
from wbrag_pipeline.remote.pushing import push_if_set

SERVES_THE_NEWEST = "newest_release_is_served"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss"},
    pool=GENERATOR,
    deps=["writeback_index", dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK)],
    check_specs=[
        warning_check(
            SERVES_THE_NEWEST,
            asset="release",
            description="The release that was built last is served; where not, it was held back, and why is told.",
        )
    ],
)
@retried_on_the_network
def release(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    questions: pl.DataFrame,
) -> dg.MaterializeResult:
    """Swaps the pointer to the candidate unless it does worse on the validation part of the training questions."""
    stage = Stage(context, deployment, encoder, generator)
    decision = validate_candidate(stage.context, questions, f"run {stage.run_id}", stage.built_release())
    record_decision(stage.context, stage.lineage, decision, actor=f"run {stage.run_id}")
    push_if_set(stage.settings, stage.partition)
    if decision.outcome == "held_back":
        context.log.warning(f"{stage.partition}: {decision.release} is held back: {decision.reason}")
    facts = {"candidate": decision.release, "served": decision.served or "none", "reason": decision.reason}
    check = warn_unless(decision.outcome != "held_back", SERVES_THE_NEWEST, **facts)
    return stage.result(rows=1, figures={"outcome": decision.outcome, **facts, **decision.figures}, checks=[check])
