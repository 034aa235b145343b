"""Adding a log: it is read whole and made into a benchmark, then the registry's entry is written.

The log stays where it is, and every run reads it again. So rows that are appended later are taken by the next run, and
so are files that are put beside the others in its folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replace_fields
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.adding import free_entry, write_entry
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.corpus_entry import absolute_path
from wbrag_pipeline.datasets.files.column_map import ColumnMap
from wbrag_pipeline.datasets.logs.log_benchmark import LogCounts
from wbrag_pipeline.datasets.logs.log_files import LOG_NAMES, format_of, known_format, read_log
from wbrag_pipeline.datasets.logs.merged_questions import to_look_into, with_wording
from wbrag_pipeline.datasets.metrics import metric_name
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.splits import read_splits
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.errors import InputError

# Answers in a log are sentences, and no prediction holds a whole sentence word by word.
FREE_METRIC = "f1"


@dataclass(frozen=True)
class AddedLog:
    """What was found and written: the entry, what the log holds, and the YAML file."""

    benchmark: Benchmark
    counts: LogCounts
    file: Path


def add_log(
    home: Path,
    name: str,
    path: Path,
    *,
    corpus: str,
    format: str | None = None,
    task: str = "open_qa",
    metric: str | None = None,
    columns: str = "",
    up_from: float | None = None,
    keep_personal: bool = False,
    replace: bool = False,
) -> AddedLog:
    """Read the log at ``path`` whole and register it under ``home`` as the benchmark ``name``.

    format: one of ``LOG_FORMATS``; None tells it by the rows. metric: None is f1, or the task's own where it has
    choices. The others as for ``read_log`` and ``splits_of_log``. A log that is registered under this name already may
    be given again.

    Raises InputError, with nothing changed, for a bad or taken name, an unknown task, metric or corpus, a log that
    cannot be read, or one of which nothing is left to train on.
    """
    registry, there = Registry.load(home), absolute_path(path)
    before = registry.benchmarks.get(name)
    again = before is not None and before.log is not None and (before.train, before.corpus) == (there, corpus)
    file = free_entry(home, "benchmarks", name, list(registry.benchmarks), replace or again)
    kind = task_named(task)
    benchmark = Benchmark(
        name=name,
        task=kind.name,
        metric=metric_name(metric or (kind.metric if kind.choices else FREE_METRIC)),
        corpus=registry.corpus(corpus).name,
        train=there,
        test=there,
        columns=ColumnMap.parse(columns, LOG_NAMES),
        log=known_format(format) if format else format_of(there),
        up_from=up_from,
        keep_personal=keep_personal,
    )
    splits = read_splits(benchmark, registry.forgotten)
    if splits.test.is_empty():
        benchmark = replace_fields(benchmark, test=None)
        splits = read_splits(benchmark, registry.forgotten)
    if splits.log is None or splits.train.is_empty():
        hint = "check that feedback was read: name it with --map feedback=…"
        raise InputError("holds no question that could train", file=there, hint=hint)
    write_entry(file, benchmark.fields)
    return AddedLog(benchmark, splits.log, file)


def answers_to_look_into(benchmark: Benchmark) -> pl.DataFrame:
    """The answers in a benchmark's log that somebody found bad, and that nobody corrected: rows of LOGGED.

    Raises InputError where the benchmark is made of no log, or the log cannot be read.
    """
    if benchmark.log is None:
        raise InputError(f"{benchmark.name} is made of no log", field="benchmark")
    log = read_log(benchmark.train, benchmark.log, benchmark.columns, benchmark.up_from)
    return to_look_into(with_wording(log.table))
