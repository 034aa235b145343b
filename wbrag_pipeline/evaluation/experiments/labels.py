"""How many labelled questions write-back takes: the gain by the number of training questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wbrag_pipeline.evaluation.experiments.construction import usage_of
from wbrag_pipeline.evaluation.experiments.label_kinds import pool_of
from wbrag_pipeline.evaluation.experiments.matrix import who
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.statistics import bootstrap_interval, sign_flip_p
from wbrag_pipeline.generation.accounts.ledger import costs

NUMBERS = (50, 100, 200, 500, 1000)
DRAWS = 3


def numbers_of(wanted: Sequence[int], there: int) -> list[int]:
    """The numbers of training questions to try: those that are fewer than there are, and all there are."""
    return [*sorted({number for number in wanted if 0 < number < there}), there]


def curve_point(bench: Workbench, trial: Trial, number: int, draws: int, kind: str = "gold") -> dict[str, Any]:
    """Train on so many questions with labels of a kind, in several draws: a row of ``results.LABELS``.

    The gain of a question is its mean over the draws, so the interval is over questions; how far the draws lie apart
    is told beside it. All that there are are drawn once. Calls are those of training; making the labels is not counted.
    """
    pool = pool_of(bench, trial, kind)
    drawn = [pool.drawn(bench, number, draw) for draw in range(draws if number < pool.there else 1)]
    sides, kept, units, calls = [], [], [], []
    spent_by = trial.settings.layout.completions
    for one in drawn:
        published = bench.published(one)
        sides.append(bench.evaluation(trial, published).select("score_without", "score_with"))
        kept.append(bench.gated_docs(one).read()["question_id"].n_unique())
        units.append(published.height)
        made = (bench.retrievals(one), bench.utility_scores(one), bench.passage_scores(one), bench.units(one))
        calls.append(usage_of((*made, bench.curated(one)), costs(spent_by, partition=trial.benchmark)).calls)
    differences = np.array([(g["score_with"] - g["score_without"]).to_numpy() for g in sides], dtype=np.float64)
    each, by_draw = differences.mean(axis=0), 100 * differences.mean(axis=1)
    plain = float(np.mean(sides[0]["score_without"].to_numpy()))
    low, high = bootstrap_interval(each, seed=trial.settings.seed)
    return {
        **who(trial),
        "kind": kind,
        "labels": number,
        "draws": len(drawn),
        "score_without": 100 * plain,
        "score_with": 100 * (plain + float(each.mean())),
        "gain": 100 * float(each.mean()),
        "ci_low": 100 * low,
        "ci_high": 100 * high,
        "p": sign_flip_p(each, seed=trial.settings.seed),
        "lowest": float(by_draw.min()),
        "highest": float(by_draw.max()),
        "kept": float(np.mean(kept)),
        "units": float(np.mean(units)),
        "calls": float(np.mean(calls)),
    }
