"""A benchmark made of a log: training questions with what their answers are worth, and later test questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from wbrag_pipeline.datasets.logs.log_files import Log
from wbrag_pipeline.datasets.logs.merged_questions import (
    CONFLICTING,
    DOWN,
    merged_questions,
    with_wording,
)
from wbrag_pipeline.datasets.logs.time_split import TEST_SHARE, split_by_time
from wbrag_pipeline.datasets.private_data import DETECTORS, private_data
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.datasets.tombstones import Tombstones
from wbrag_pipeline.tables import GOLD, LABELLED, UNLABELLED, WEAK

# With fewer test questions a gain is hard to tell from chance, as evaluation.promotion says too.
FEW_TEST_QUESTIONS = 30
_ORDER = {GOLD: 0, WEAK: 1, UNLABELLED: 2}


@dataclass(frozen=True)
class LogCounts:
    """What a log holds and what became of it.

    answers: logged answers. questions: different ones, of which gold, weak, down, conflicting and without_feedback are
    parts. repeated: answers to a question that was answered before. private, forgotten: different questions that were
    left out for what they hold, or because they were forgotten. unusable: thumbs up whose answers are empty, or none
    of the choices that a task has. train_gold, train_weak, train_unlabelled, test:
    questions. left_out: answers that neither train nor test, by the reason. notes: what the reader did not take.
    """

    answers: int = 0
    questions: int = 0
    gold: int = 0
    weak: int = 0
    down: int = 0
    conflicting: int = 0
    without_feedback: int = 0
    repeated: int = 0
    private: int = 0
    forgotten: int = 0
    unusable: int = 0
    train_gold: int = 0
    train_weak: int = 0
    train_unlabelled: int = 0
    test: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For people."""
        held = f"{self.gold:,} corrected (gold), {self.weak:,} thumbs up (weak), {self.down:,} thumbs down"
        other = f"{self.conflicting:,} with conflicting feedback, {self.without_feedback:,} without feedback"
        trains = f"trains on {self.train_gold:,} gold and {self.train_weak:,} weak questions"
        judged = (
            f"; {self.train_unlabelled:,} unlabelled ones only with --scorer judge" if self.train_unlabelled else ""
        )
        lines = [
            f"log: {self.answers:,} answers to {self.questions:,} questions, {self.repeated:,} repetitions",
            f"of these questions: {held}, {other}",
            f"{trains}{judged}; tests on {self.test:,} later gold questions",
        ]
        if self.unusable:
            lines.append(f"of no use: {self.unusable:,} thumbs up on what is no answer, or none that the task has")
        if self.private:
            lines.append(f"left out: {self.private:,} questions that hold personal data (--keep-personal keeps them)")
        if self.forgotten:
            lines.append(f"left out: {self.forgotten:,} questions that were forgotten")
        lines += [f"left out of training and test: {count:,} answers {why}" for why, count in self.left_out.items()]
        lines += [f"not read: {count:,} {what}" for what, count in self.notes.items()]
        if self.test < FEW_TEST_QUESTIONS:
            few = "no test questions" if not self.test else f"only {self.test:,} test questions"
            why = "" if self.left_out or self.test else "; with ten or more corrections that have a time there are some"
            lines.append(f"{few}: too few to tell whether training helps{why}")
        return lines


@dataclass(frozen=True)
class LogSplits:
    """Both splits as LABELLED, and what became of the log."""

    train: pl.DataFrame
    test: pl.DataFrame
    counts: LogCounts


def splits_of_log(
    log: Log, task: Task, forgotten: Tombstones, *, keep_personal: bool = False, tested: bool = True
) -> LogSplits:
    """Both splits from a log. Answers to a task with choices count where they are one of them.

    tested: whether some questions are kept for testing; all train otherwise.

    Training questions are ordered by what their answers are worth, and then by time, so that a limit takes the best.
    """
    rows = with_wording(log.table)
    known = _forgotten(rows, forgotten)
    rows = rows.join(known, on="told", how="anti")
    private = rows.clear().select("told") if keep_personal else _private(rows)
    rows = _of_task(rows.join(private, on="told", how="anti"), task)
    merged, split = merged_questions(rows), split_by_time(rows, TEST_SHARE if tested else 0.0)
    train = merged_questions(split.train).filter(pl.col("label").is_in(list(_ORDER)))
    train = train.sort(pl.col("label").replace_strict(_ORDER, return_dtype=pl.Int8), "asked_at", maintain_order=True)
    test = merged_questions(split.test)
    of = {label: merged.filter(label=label).height for label in (GOLD, WEAK, DOWN, CONFLICTING, UNLABELLED)}
    counts = LogCounts(
        answers=log.table.height,
        questions=merged.height,
        gold=of[GOLD],
        weak=of[WEAK],
        down=of[DOWN],
        conflicting=of[CONFLICTING],
        without_feedback=of[UNLABELLED],
        repeated=rows.height - merged.height,
        private=private.height,
        forgotten=known.height,
        unusable=rows.filter((pl.col("answer") == "") & (pl.col("correction") == "") & pl.col("up")).height,
        train_gold=train.filter(label=GOLD).height,
        train_weak=train.filter(label=WEAK).height,
        train_unlabelled=train.filter(label=UNLABELLED).height,
        test=test.height,
        left_out=split.left_out,
        notes=log.notes,
    )
    return LogSplits(LABELLED.check(_as_labelled(train)), LABELLED.check(_as_labelled(test)), counts)


def _as_labelled(merged: pl.DataFrame) -> pl.DataFrame:
    return merged.select(list(LABELLED.schema))


def _forgotten(rows: pl.DataFrame, forgotten: Tombstones) -> pl.DataFrame:
    """The wordings of which any repetition was forgotten: ``told``, each once."""
    left = forgotten.without_forgotten_questions(rows.with_row_index("row"))
    return rows.with_row_index("row").join(left, on="row", how="anti").select("told").unique()


def _private(rows: pl.DataFrame) -> pl.DataFrame:
    """The wordings of which any repetition holds personal data: ``told``, each once."""
    asked = rows.select("told", "question").unique(maintain_order=True)
    kinds: Sequence[str] = tuple(DETECTORS)
    holds = [private_data(question, kinds) is not None for question in asked["question"]]
    return asked.filter(pl.Series(holds, dtype=pl.Boolean)).select("told").unique()


def _of_task(rows: pl.DataFrame, task: Task) -> pl.DataFrame:
    """LOGGED with answers and corrections in the canonical form of a task with choices; others are no answers."""
    if not task.choices:
        return rows
    forms = {name: [task.parse(text) for text in rows[name]] for name in ("answer", "correction")}
    return rows.with_columns(
        pl.Series(name, [form if form in task.choices else "" for form in found], pl.String)
        for name, found in forms.items()
    )
