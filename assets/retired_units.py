"""retired_units: the served units that no longer stand on the corpus, taken out of what is served."""

import dagster as dg
import polars as pl

from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.refresh.retiring import other_encoders, record_releases, retire
from wbrag_pipeline.refresh.standing import KEPT, RELABELLED, RETIRED
from wbrag_pipeline.retrieval.corpus import current_state, settle, settled_state
from wbrag_pipeline.retrieval.corpus_changes import counts


@dg.asset(
    partitions_def=CORPORA,
    group_name="corpus",
    kinds={"polars", "faiss"},
    io_manager_key="tables",
    deps=["corpus_index"],
)
def retired_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    corpus_changes: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Units of all benchmarks over the corpus whose sources changed, and what became of them, before any training."""
    settings = deployment.settings
    stage = Stage(context, settings)
    corpus = stage.partition
    before, now = settled_state(settings, corpus), current_state(settings, corpus)
    if now is None:
        raise NotBuiltError(f"the index of corpus {corpus}", f"wbrag refresh {corpus}")
    passages = pl.scan_parquet(now.passages)
    frame = retire(
        settings, stage.registry.benchmarks_of(corpus), passages, encoder.load(settings), actor=f"run {stage.run_id}"
    )
    record_releases(stage.lineage, settings, stage.run_id, frame)
    passage_counts = counts(corpus_changes, passages.select(pl.len()).collect().item())
    if corpus_changes.height or frame.height or before is None:
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
    settle(settings, corpus)  # last: what was cut short is done again
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
    )
