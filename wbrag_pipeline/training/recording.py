"""What training tells the lineage: where units came from, and what a release holds."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.store import Release
from wbrag_pipeline.storage import sha256_of_file
from wbrag_pipeline.training.context import StageContext


def record_units(context: StageContext, lineage: Lineage, gated_docs: pl.DataFrame, units: pl.DataFrame) -> None:
    """Record where KNOWLEDGE_UNITS came from: GATED_DOCS, the engines and the thresholds."""
    settings = context.settings
    lineage.record_units(
        context.run,
        settings.variant,
        context.benchmark.name,
        context.benchmark.corpus,
        units=units,
        gated_docs=gated_docs,
        generator_fingerprint=context.generator.fingerprint,
        encoder=settings.encoder,
        method=settings.method,
        gates=settings.thresholds,
    )


def record_release(context: StageContext, lineage: Lineage, release: Release) -> None:
    """Record which units a release holds."""
    lineage.record_release(
        context.run,
        context.settings.variant,
        context.benchmark.name,
        release.name,
        release.units()["unit_id"].to_list(),
        sha256_of_file(release.folder / "release.json"),
    )
