"""Checks that read a stored table back: what is on disk has its schema, and its key does not repeat."""

import dagster as dg
import polars as pl

from assets.checks import in_preview
from assets.partitions import BENCHMARKS, CORPORA
from resources.deployment import Deployment
from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError


@in_preview
def _schema_check(table: tables.Table, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="schema",
        asset=table.name,
        partitions_def=partitions,
        # Units are what gets published, so theirs stand in the way of it.
        blocking=table in (tables.KNOWLEDGE_UNITS, tables.CURATED_UNITS),
        description="The stored file has the declared columns and types, and its key does not repeat.",
    )
    def check(context: dg.AssetCheckExecutionContext, deployment: Deployment) -> dg.AssetCheckResult:
        path = deployment.settings.table(table.name, context.partition_key)
        try:
            rows = table.check(pl.read_parquet(path), str(path)).height
        except (OSError, pl.exceptions.PolarsError, IntegrityError) as error:
            return dg.AssetCheckResult(passed=False, metadata={"problem": str(error)})
        return dg.AssetCheckResult(passed=True, metadata={"rows": rows})

    return check


SCHEMA_CHECKS: list[dg.AssetChecksDefinition] = [
    _schema_check(
        table, CORPORA if table in (tables.PASSAGES, tables.CORPUS_CHANGES, tables.RETIRED_UNITS) else BENCHMARKS
    )
    for table in tables.ALL
]
