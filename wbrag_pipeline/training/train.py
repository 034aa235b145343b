"""Training without Dagster: all stages in order, each table stored in the home and recorded in the lineage."""

from __future__ import annotations

import time

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.release_lineage import record_release
from wbrag_pipeline.releases.store import Release
from wbrag_pipeline.tables import Table
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.stages import StageResult


def train_candidate(context: StageContext) -> Release:
    """From a benchmark's question files to a candidate release. Nobody is served it yet.

    The same functions over the same tables as the Dagster graph, so the same units, byte for byte. Raises what the
    stages raise: InputError for bad files, NotBuiltError before the corpus was indexed, TooManyFailedError.
    """
    settings, benchmark = context.settings, context.benchmark
    lineage = Lineage(settings.layout.lineage)
    passages = tables.PASSAGES.load_lazily(settings, benchmark.corpus)
    began = time.perf_counter()

    def stored(table: Table, made: StageResult) -> StageResult:
        nonlocal began
        table.store(made.table, settings, benchmark.name)
        now = time.perf_counter()
        seconds, rows = round(now - began, 2), made.table.height
        lineage.record_stage(context.run, table.name, benchmark.name, settings.variant, rows, seconds, made.figures)
        began = now
        return made

    questions = stored(tables.QUESTIONS, stages.questions(context)).table
    found = stored(tables.RETRIEVALS, stages.retrievals(context, questions)).table
    scores = stored(tables.UTILITY_SCORES, stages.utility_scores(context, questions, found, passages)).table
    gated = stored(tables.GATED_DOCS, stages.gated_docs(context, questions, found, scores, passages)).table
    units = stages.knowledge_units(context, gated, passages)
    record_units(context, lineage, gated, units.table)
    stored(tables.KNOWLEDGE_UNITS, units)
    known_from = lineage.known_from(settings.variant, benchmark.name)
    curated = stages.curated_units(context, units.table, gated, passages, known_from)
    lineage.record_curation(context.run, settings.variant, benchmark.name, curated.table)
    stored(tables.CURATED_UNITS, curated)
    release = stages.candidate_release(context, curated.table)
    record_release(lineage, release, context.run, settings.variant, benchmark.name)
    return release


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
