"""retired_units: the served units that no longer stand on the corpus, taken out of what is served."""

import dagster as dg
import polars as pl

from assets.checks import warn_unless, warning_check
from assets.partitions import CORPORA
from assets.retrying import retried_on_the_network
from assets.stage import TABLE, Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from resources.pools import ENCODER
from wbrag_pipeline.refresh import corpus_stages
from wbrag_pipeline.refresh.retiring import damaged_releases, other_encoders
from wbrag_pipeline.refresh.source_validity import KEPT, RELABELLED, RETIRED

SERVED_ARE_WHOLE = "served_releases_are_whole"


@dg.asset(
    partitions_def=CORPORA,
    group_name="corpus",
    kinds={"polars", "faiss"},
    pool=ENCODER,
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
@retried_on_the_network
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
    damaged = damaged_releases(settings, stage.registry.benchmarks_of(corpus))
    for problem in damaged:
        context.log.warning(f"passed over: {problem}")
    frame = corpus_stages.retire_units(
        settings, stage.registry, corpus, corpus_changes, encoder.load(settings), stage.run_id
    )
    decided = frame["decision"].value_counts().rows()
    return stage.result(
        frame,
        figures={
            **dict.fromkeys((KEPT, RELABELLED, RETIRED), 0),
            **dict(decided),
            "changed": corpus_changes.height + frame.height,
            "stale_encoders": ", ".join(other_encoders(settings, corpus)),
        },
        preview=frame,
        checks=[warn_unless(not damaged, SERVED_ARE_WHOLE, passed_over="\n".join(damaged))],
    )
