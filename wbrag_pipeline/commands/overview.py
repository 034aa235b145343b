"""The table that ends a run: score without → with write-back, a line a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from wbrag_pipeline.settings import Settings


def print_overview(settings: Settings, benchmarks: Sequence[str]) -> None:
    """Print the table of these benchmarks and write the overview page that links their reports."""
    from wbrag_pipeline import tables
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.benchmark_report import BenchmarkLine, overview_table, write_overview
    from wbrag_pipeline.evaluation.statistics import summarise

    registry = Registry.load(settings.home)
    tested = [name for name in benchmarks if registry.benchmark(name).test]
    for name in benchmarks:
        if name not in tested:
            units = tables.KNOWLEDGE_UNITS.read(settings.table("knowledge_units", name)).height
            typer.echo(f"{name}: {units:,} knowledge units; there are no test questions to evaluate them with")
    if not tested:
        return
    lines = [
        BenchmarkLine(
            name,
            registry.benchmark(name).metric,
            summarise(tables.EVALUATION.read(settings.table("evaluation", name)), seed=settings.seed),
            settings.report(name),
        )
        for name in tested
    ]
    page = write_overview(settings.overview, lines)
    typer.echo(overview_table(lines))
    # As short as it can be told from here.
    typer.echo(f"report: {page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page}")
