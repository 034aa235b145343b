"""What a run ends with: score without → with write-back, one line a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from wbrag_pipeline.commands.console import say, say_report
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.settings import Settings

if TYPE_CHECKING:
    from wbrag_pipeline.evaluation.benchmark_report import BenchmarkLine


def print_result(settings: Settings, benchmark: str) -> None:
    """Print the result of one benchmark that has test questions, as a sentence."""
    from wbrag_pipeline.evaluation.benchmark_report import result_sentence

    say(result_sentence(_line_of(settings, benchmark)))


def print_overview(settings: Settings, benchmarks: Sequence[str]) -> None:
    """Print the table of these benchmarks and write the overview page that links their reports."""
    from wbrag_pipeline import tables
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.benchmark_report import overview_table, write_overview

    registry = Registry.load(settings.home)
    tested = [name for name in benchmarks if registry.benchmark(name).test]
    for name in benchmarks:
        if name not in tested:
            units = tables.KNOWLEDGE_UNITS.read(settings.table("knowledge_units", name)).height
            say(f"{name}: {units:,} knowledge units; there are no test questions to evaluate them with")
    if not tested:
        return
    lines = [_line_of(settings, name) for name in tested]
    page = write_overview(settings.overview, lines)
    say(overview_table(lines))
    say_report(page)


def print_findings(settings: Settings, benchmarks: Sequence[str]) -> None:
    """Print what is suspicious about these benchmarks' results, with the likeliest cause; nothing where all is well."""
    from wbrag_pipeline import tables
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.datasets.tasks import task_named
    from wbrag_pipeline.evaluation.diagnosis import Finding, diagnose_evaluation, diagnose_training
    from wbrag_pipeline.evaluation.recall import answer_recall
    from wbrag_pipeline.releases.store import candidate

    registry = Registry.load(settings.home)
    for name in benchmarks:
        entry = registry.benchmark(name)
        found: list[Finding] = []
        with suppress(NotBuiltError):  # a table that is not there is told by whoever needs it
            stages = (tables.QUESTIONS, tables.UTILITY_SCORES, tables.GATED_DOCS, tables.CURATED_UNITS)
            found += diagnose_training(*(table.load(settings, name) for table in stages))
            if entry.test:
                evaluation, task = tables.EVALUATION.load(settings, name), task_named(entry.task)
                passages = tables.PASSAGES.load_lazily(settings, entry.corpus)
                units = candidate(settings.releases(name)).units()
                found += diagnose_evaluation(evaluation, answer_recall(task, evaluation, passages, units)[1])
        for finding in found:
            say(f"{name}: {finding}")


def _line_of(settings: Settings, benchmark: str) -> BenchmarkLine:
    from wbrag_pipeline import tables
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.evaluation.benchmark_report import BenchmarkLine
    from wbrag_pipeline.evaluation.statistics import summarise

    evaluation = tables.EVALUATION.read(settings.table("evaluation", benchmark))
    return BenchmarkLine(
        benchmark,
        Registry.load(settings.home).benchmark(benchmark).metric,
        summarise(evaluation, seed=settings.seed),
        settings.report(benchmark),
        (evaluation["score_with"] - evaluation["score_without"]).cast(float).to_numpy(),
    )
