"""retired_units: the served units that no longer stand on the corpus, taken out of what is served."""

import dagster as dg
import polars as pl

from assets.checks import warning_check
from assets.partitions import CORPORA
from assets.stage import TABLE, Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.refresh.retirement_log import commit_decisions, note_decisions
from wbrag_pipeline.refresh.retiring import damaged_releases, decide, other_encoders, record_releases, retire
from wbrag_pipeline.refresh.source_validity import KEPT, RELABELLED, RETIRED
from wbrag_pipeline.retrieval.corpus import committed_state, current_state
from wbrag_pipeline.retrieval.corpus_changes import counts

SERVED_ARE_WHOLE = "served_releases_are_whole"


@dg.asset(
    partitions_def=CORPORA,
    group_name="corpus",
    kinds={"polars", "faiss"},
    io_manager_key="tables",
    dagster_type=TABLE,
    deps=["corpus_index"],
    check_specs=[
        warning_check(
            SERVED_ARE_WHOLE,
            asset="retired_units",
            description="Every served release over this corpus can be read; one that cannot is served to nobody.",
            partitions=CORPORA,
        )
    ],
)
def retired_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    corpus_changes: pl.DataFrame,
) -> dg.MaterializeResult:
    """Units of all benchmarks over the corpus whose sources changed, and what became of them, before any training."""
    stage = Stage(context, deployment)
    settings = stage.settings
    corpus = stage.partition
    before, now = committed_state(settings, corpus), current_state(settings, corpus)
    if now is None:
        raise NotBuiltError(f"the index of corpus {corpus}", f"wbrag refresh {corpus}")
    passages = pl.scan_parquet(now.passages)
    benchmarks = stage.registry.benchmarks_of(corpus)
    damaged = damaged_releases(settings, benchmarks)
    for problem in damaged:
        context.log.warning(f"passed over: {problem}")
    frame = note_decisions(settings, corpus, benchmarks, decide(settings, benchmarks, passages))
    retire(settings, benchmarks, passages, encoder.load(settings), actor=f"run {stage.run_id}")
    passage_counts = counts(corpus_changes, passages.select(pl.len()).collect().item())
    if corpus_changes.height or frame.height or before is None:
        record_releases(stage.lineage, settings, benchmarks, stage.run_id)
        stage.lineage.record_refresh(
            stage.run_id,
            settings.variant,
            corpus,
            from_state=before.name if before else None,
            to_state=now.name,
            counts=passage_counts,
            changes=corpus_changes,
            retired=frame,
        )
    commit_decisions(settings, corpus, frame)  # last: what was cut short is done again
    decided = frame["decision"].value_counts().rows()
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            **dict.fromkeys((KEPT, RELABELLED, RETIRED), 0),
            **dict(decided),
            "changed": corpus_changes.height + frame.height,
            "stale_encoders": ", ".join(other_encoders(settings, corpus)),
        },
        preview=frame,
        checks=[
            dg.AssetCheckResult(
                check_name=SERVED_ARE_WHOLE,
                passed=not damaged,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"passed_over": "\n".join(damaged)},
            )
        ],
    )
