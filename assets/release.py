"""release: the candidate promoted to what is served, or held back with the reason."""

import dagster as dg

from assets.checks import warning_check
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.datasets.validation_split import LEAST_TRAINING
from wbrag_pipeline.evaluation.promotion import Comparison, decisions_of, promote_or_hold_back
from wbrag_pipeline.refresh.retiring import record_served, revalidated_release
from wbrag_pipeline.releases.store import candidate_name
from wbrag_pipeline.retrieval.corpus import open_knowledge_base

SERVES_THE_NEWEST = "newest_release_is_served"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss"},
    deps=["writeback_index", dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK)],
    check_specs=[
        warning_check(
            SERVES_THE_NEWEST,
            asset="release",
            description="The release that was built last is served; where not, it was held back, and why is told.",
        )
    ],
)
def release(
    context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource, generator: GeneratorResource
) -> dg.MaterializeResult:
    """Swaps the pointer to the candidate unless it does worse on the validation part of the training questions."""
    settings = deployment.settings
    stage = Stage(context, settings)
    folder = settings.releases(stage.partition)
    comparison = Comparison(
        questions=stage.questions("validation"),
        base=lambda: open_knowledge_base(settings, stage.benchmark.corpus, encoder.load(settings)).unrestricted(),
        scorer=lambda: stage.scorer(generator.load(settings)),
        top_k=settings.top_k,
        seed=settings.seed,
    )
    off = "validation_share is 0" if not settings.validation_share else f"under {LEAST_TRAINING} training questions"
    actor, built = f"run {stage.run_id}", candidate_name(folder)
    decision = promote_or_hold_back(
        folder,
        comparison,
        actor=actor,
        none_set_aside=f"{off}, so none were set aside",
        instead=revalidated_release(settings, stage.benchmark.corpus, actor=actor),
    )
    if decision.move is not None and decision.release != built:
        record_served(stage.lineage, folder, stage.run_id, settings.variant, stage.partition)
    stage.lineage.record_release_decisions(
        stage.run_id, settings.variant, stage.partition, decisions_of(folder, decision, actor)
    )
    if decision.outcome == "held_back":
        context.log.warning(f"{stage.partition}: {decision.release} is held back: {decision.reason}")
    served = decision.compared_with if decision.outcome == "held_back" else decision.release
    return stage.result(
        rows=1,
        figures={
            "outcome": decision.outcome,
            "candidate": decision.release,
            "served": served or "none",
            "reason": decision.reason,
            **decision.figures,
        },
        checks=[
            dg.AssetCheckResult(
                check_name=SERVES_THE_NEWEST,
                passed=decision.outcome != "held_back",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"candidate": decision.release, "served": served or "none", "reason": decision.reason},
            )
        ],
    )
