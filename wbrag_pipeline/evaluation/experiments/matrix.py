"""Methods × benchmarks × generators: does write-back help, everywhere, and by how much (paper, section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from wbrag_pipeline.datasets.tasks import task_named
from wbrag_pipeline.evaluation.experiments.construction import construction_row, cost_rows
from wbrag_pipeline.evaluation.experiments.method_comparison import mean_interval
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.recall import answer_recall
from wbrag_pipeline.evaluation.statistics import Summary, summarise
from wbrag_pipeline.generation.accounts.ledger import costs

_GAIN = ("score_without", "score_with", "gain", "ci_low", "ci_high", "p", "helped", "hurt")


def who(trial: Trial) -> dict[str, str]:
    """The columns that name a setting."""
    s = trial.settings
    return {"generator": s.generator, "encoder": s.encoder, "benchmark": trial.benchmark, "method": s.method}


def gain_columns(summary: Summary) -> dict[str, float | int]:
    """The columns that every comparison of two sides has."""
    return {name: getattr(summary, name) for name in _GAIN}


def setting(bench: Workbench, trial: Trial) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train and evaluate one setting: its row of ``results.MATRIX`` and its rows of ``results.COST``."""
    scores, gated, units = bench.utility_scores(trial), bench.gated_docs(trial), bench.units(trial)
    curated, written = bench.curated(trial), bench.published(trial)
    sides = (bench.answers(trial), bench.answers(trial, written))
    evaluation = bench.evaluation(trial, written)
    summary = summarise(evaluation, seed=trial.settings.seed)
    built = construction_row(scores.read(), gated.read(), units.read())
    by_id, benchmark = evaluation.sort("question_id"), bench.benchmark(trial)
    recall = answer_recall(task_named(benchmark.task), evaluation, bench.passages(trial), written)
    row = {
        **who(trial),
        "metric": benchmark.metric,
        "top_k": trial.settings.top_k,
        "questions": summary.questions,
        **gain_columns(summary),
        "units_in_top_k": summary.units_in_top_k,
        "unit_share": summary.unit_share,
        "recall_without": recall[0],
        "recall_with": recall[1],
        **built,
        "published": written.height,
        "scores_without": by_id["score_without"].to_list(),
        "scores_with": by_id["score_with"].to_list(),
        "question_table": bench.asked(trial).key,
        "gated_docs": gated.key,
        "curated_units": curated.key,
        "answers_without": sides[0].key,
        "answers_with": sides[1].key,
    }
    spent = cost_rows(
        (scores, bench.passage_scores(trial), units, curated, *sides),
        costs(trial.settings.layout.completions, partition=trial.benchmark),
        questions=int(built["trained_on"]),
        kept=int(built["kept"]),
        top_k=trial.settings.top_k,
    )
    return row, [{**who(trial), **line} for line in spent]


@dataclass(frozen=True)
class Headline:
    """What a matrix says in one line. ``better``, ``worse``: settings whose whole interval lies above, below zero.

    interval: of the mean gain, over benchmarks and questions; None where it cannot be told.
    """

    settings: int
    improved: int
    worsened: int
    better: int
    worse: int
    mean_gain: float
    interval: tuple[float, float] | None


def headline(matrix: pl.DataFrame) -> Headline:
    """MATRIX to its headline; every setting counts once, whatever its number of questions."""
    return Headline(
        settings=matrix.height,
        improved=matrix.filter(pl.col("gain") > 0).height,
        worsened=matrix.filter(pl.col("gain") < 0).height,
        better=matrix.filter(pl.col("ci_low") > 0).height,
        worse=matrix.filter(pl.col("ci_high") < 0).height,
        mean_gain=sum(matrix["gain"].to_list()) / max(1, matrix.height),
        interval=mean_interval(matrix),
    )


def means(matrix: pl.DataFrame, by: str) -> pl.DataFrame:
    """Mean gain by ``method``, ``benchmark`` or ``generator``, in order: name, settings, improved, gain."""
    return matrix.group_by(pl.col(by).alias("name"), maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("settings"),
        (pl.col("gain") > 0).sum().cast(pl.Int64).alias("improved"),
        pl.col("gain").mean(),
    )
