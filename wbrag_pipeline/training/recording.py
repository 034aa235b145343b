"""What training tells the lineage: where units came from."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.lineage import Lineage
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
