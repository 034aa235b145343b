"""writeback_index: the units as a release with a FAISS index of its own: a candidate, which nobody is served yet."""

from dataclasses import asdict

import dagster as dg
import polars as pl

from assets.checks import blocking_check
from assets.freshness import TRAINED_NOW_AND_THEN
from assets.partitions import BENCHMARKS
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.curation.curate import published
from wbrag_pipeline.releases.pointer import served_name
from wbrag_pipeline.releases.store import build_release
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.storage import sha256_of_file

UNITS_AND_INDEX_AGREE = "units_and_index_agree"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss"},
    freshness_policy=TRAINED_NOW_AND_THEN,
    check_specs=[
        blocking_check(
            UNITS_AND_INDEX_AGREE,
            asset="writeback_index",
            description="The published index, read back from disk, holds exactly the published units.",
        )
    ],
)
def writeback_index(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    curated_units: pl.DataFrame,
) -> dg.MaterializeResult:
    """An immutable release of the published units; `release` decides whether it is served."""
    settings = deployment.settings
    stage = Stage(context, settings)
    vectors, folder = encoder.load(settings), settings.releases(stage.partition)
    units, state = published(curated_units), current_state(settings, stage.benchmark.corpus)
    release = build_release(
        units,
        vectors,
        folder,
        {
            "variant": settings.variant,
            "benchmark": stage.partition,
            "run": stage.run_id,
            "corpus": stage.benchmark.corpus,
            "corpus_state": state.name if state else "",
            "corpus_index_sha256": read_manifest(state.folder).index_sha256 if state else "",
            "parent": served_name(folder),
            "encoder": vectors.name,
            "encoder_fingerprint": vectors.fingerprint,
            "generator": settings.generator,
            "generator_fingerprint": generator.load(settings).fingerprint,
            "method": settings.method,
            "scorer": settings.scorer,
            "top_k": settings.top_k,
            "gates": asdict(settings.gates),
            "limit": settings.limit,
            "validation_share": settings.validation_share,
            "rescue_depth": settings.rescue_depth,
        },
    )
    released, indexed = release.units()["unit_id"], release.index(vectors).ids
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
