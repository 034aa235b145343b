"""Does write-back help a better retriever too: each retriever without and with units beside the corpus."""

from __future__ import annotations

from typing import Any

from wbrag_pipeline.evaluation.evaluate import join_sides
from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.retrievers import (
    ENCODER_ALONE,
    SEARCHES,
    answered_by,
    build_retriever,
    retrievers_for,
)
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.recall import answer_recall
from wbrag_pipeline.evaluation.statistics import summarise


def pairs_for(generator: str) -> list[tuple[str, str]]:
    """Retriever and the one that its units were trained with: the dense one's everywhere, then a retriever's own.

    Only those that need no training questions themselves can train with their own.
    """
    trained_with = [name for name in SEARCHES if name != ENCODER_ALONE]
    return [*((name, ENCODER_ALONE) for name in retrievers_for(generator)), *((name, name) for name in trained_with)]


def on_top_row(bench: Workbench, trial: Trial, name: str, units_of: str = ENCODER_ALONE) -> dict[str, Any]:
    """Units of the present settings on top of a retriever: a row of ``results.ON_TOP``.

    units_of: the retriever that training searched with, of SEARCHES.
    """
    built, test = build_retriever(bench, trial, name), bench.questions(trial, "test")
    units = bench.published(trial.with_(search=SEARCHES[units_of]))
    sides = [answered_by(bench, trial, name, built.find, test, beside).read() for beside in (None, units)]
    evaluation = join_sides(test, *sides)
    summary = summarise(evaluation, seed=trial.settings.seed)
    recall = answer_recall(bench.context(trial).task, evaluation, bench.passages(trial), units)
    return {
        **who(trial),
        "retriever": name,
        "units_of": units_of,
        "questions": summary.questions,
        **gain_columns(summary),
        "units": units.height,
        "units_in_top_k": summary.units_in_top_k,
        "recall_without": recall[0],
        "recall_with": recall[1],
    }
