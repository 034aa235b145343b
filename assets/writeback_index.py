"""writeback_index: the units as a release with a FAISS index of its own, and the pointer swapped to it."""

import dagster as dg
import polars as pl

from assets.checks import blocking_check
from assets.partitions import BENCHMARKS
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from wbrag_pipeline.curation.curate import published
from wbrag_pipeline.storage import sha256_of_file
from wbrag_pipeline.writeback.releases import publish

UNITS_AND_INDEX_AGREE = "units_and_index_agree"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss"},
    check_specs=[
        blocking_check(
            UNITS_AND_INDEX_AGREE,
            asset="writeback_index",
            description="The published index, read back from disk, holds exactly the published units.",
        )
    ],
)
def writeback_index(
    context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource, curated_units: pl.DataFrame
) -> dg.MaterializeResult:
    """An immutable release of the published units. The corpus is not touched; rolling back is one rename."""
    settings = deployment.settings
    stage = Stage(context, settings)
    units = published(curated_units)
    release = publish(units, encoder.load(settings), settings.releases(stage.partition))
    released, indexed = release.units()["unit_id"], release.index(encoder.load(settings)).ids
    stage.lineage.record_release(
        stage.run_id,
        settings.variant,
        stage.partition,
        release.name,
        released.to_list(),
        sha256_of_file(release.folder / "release.json"),
    )
    agree = sorted(released) == sorted(indexed) == sorted(units["unit_id"])
    return stage.result(
        rows=released.len(),
        figures={"release": release.name},
        checks=[
            dg.AssetCheckResult(
                check_name=UNITS_AND_INDEX_AGREE,
                passed=agree,
                metadata={"units": released.len(), "indexed": len(indexed)},
            )
        ],
    )
