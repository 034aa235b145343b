"""Both splits of a benchmark, read whole from its files or made of its log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.logs.log_benchmark import LogCounts, splits_of_log
from wbrag_pipeline.datasets.logs.log_files import read_log
from wbrag_pipeline.datasets.question_files import read_numbered_questions, shared_questions
from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.datasets.tombstones import NOTHING_FORGOTTEN, Tombstones
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import GOLD, LABELLED, SPLIT, SYNTHETIC, UNLABELLED


@dataclass(frozen=True)
class Splits:
    """Both splits as LABELLED, with no question in common; ``dropped`` training questions were taken out for that.

    log: what the log holds that they are made of, where they are.
    """

    train: pl.DataFrame
    test: pl.DataFrame
    dropped: int
    log: LogCounts | None = None


def read_splits(entry: Benchmark, forgotten: Tombstones = NOTHING_FORGOTTEN) -> Splits:
    """Read both splits whole, less what was forgotten.

    Raises InputError for a bad file, a shared question that is refused, or none left.
    """
    if entry.log is not None:
        log = read_log(entry.train, entry.log, entry.columns, entry.up_from)
        made = splits_of_log(
            log, task_named(entry.task), forgotten, keep_personal=entry.keep_personal, tested=entry.test is not None
        )
        return Splits(made.train, made.test, 0, made.counts)
    train, test, dropped = _read_files(entry)
    left = forgotten.without_forgotten_questions
    label = {"given": GOLD, "none": UNLABELLED, "synthetic": SYNTHETIC}[entry.answers]
    return Splits(_labelled(left(train), label), _labelled(left(test), GOLD), dropped)


def _labelled(split: pl.DataFrame, label: str) -> pl.DataFrame:
    return LABELLED.check(split.with_columns(label=pl.lit(label)))


def _read_files(entry: Benchmark) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """(training, test) as SPLIT, and how many training questions were dropped."""
    task = task_named(entry.task)
    train = read_numbered_questions(entry.train, task, answers=entry.answers != "none", columns=entry.columns)
    if entry.test is None:
        return train.drop("number"), SPLIT.empty(), 0
    test = read_numbered_questions(entry.test, task, columns=entry.columns)
    shared = shared_questions(train, test)
    if shared.height and entry.overlap == "refuse":
        _refuse_shared(entry, train, test, shared)
    kept = train.filter(~pl.col("question_id").is_in(shared["train_id"].implode()))
    if kept.is_empty():
        raise InputError("every training question is a test question too", file=entry.train, field="question")
    return kept.drop("number"), test.drop("number"), train.height - kept.height


def _refuse_shared(entry: Benchmark, train: pl.DataFrame, test: pl.DataFrame, shared: pl.DataFrame) -> NoReturn:
    first = shared.row(0, named=True)

    def number(frame: pl.DataFrame, question_id: str) -> int:
        return int(frame.filter(pl.col("question_id") == question_id)["number"][0])

    more = f"; {shared.height} training questions are" if shared.height > 1 else ""
    raise InputError(
        f"{first['question']!r} (id {first['train_id']}) is a test question too: {entry.test}, "
        f"line {number(test, first['test_id'])}, id {first['test_id']}{more}",
        file=entry.train,
        line=number(train, first["train_id"]),
        field="question",
        hint="take shared questions out of one split, or leave them out of training: --overlap drop",
    )
