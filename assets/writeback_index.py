"""writeback_index: the units as a release with a FAISS index of its own: a candidate, which nobody is served yet."""

import dagster as dg
import polars as pl

from assets.checks import blocking_check
from assets.freshness import TRAINED_NOW_AND_THEN
from assets.partitions import BENCHMARKS
from assets.retrying import retried_on_the_network
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline.releases.release_lineage import record_release
from wbrag_pipeline.training import stages

UNITS_AND_INDEX_AGREE = "units_and_index_agree"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss"},
    pool=GENERATOR,
    freshness_policy=TRAINED_NOW_AND_THEN.policy,
    check_specs=[
        blocking_check(
            UNITS_AND_INDEX_AGREE,
            asset="writeback_index",
            description="The published index, read back from disk, holds exactly the published units.",
        )
    ],
)
@retried_on_the_network
def writeback_index(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    curated_units: pl.DataFrame,
) -> dg.MaterializeResult:
    """An immutable release of the published units; `release` decides whether it is served."""
    stage = Stage(context, deployment, encoder, generator)
    release = stages.candidate_release(stage.context, curated_units)
    stage.tag_release(release)
    record_release(stage.lineage, release, stage.run_id, stage.settings.variant, stage.partition)
    released, indexed = release.units()["unit_id"], release.index(stage.context.encoder).ids
    published = curated_units.filter(state="published")["unit_id"]
    check = dg.AssetCheckResult(
        check_name=UNITS_AND_INDEX_AGREE,
        passed=sorted(released) == sorted(indexed) == sorted(published),
        metadata={"units": released.len(), "indexed": len(indexed)},
    )
    return stage.result(rows=released.len(), figures={"release": release.name}, checks=[check])
