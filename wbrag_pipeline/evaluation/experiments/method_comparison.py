"""Methods beside each other, and means over benchmarks, each with its interval: from the scores of single questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.evaluation.statistics import (
    Floats,
    bootstrap_interval,
    changed_counts,
    hierarchical_interval,
    sign_flip_p,
)

MEAN = "mean"  # in the place of a benchmark's name: over all of them
COMPARED_WITH = "naive"  # what the others are compared with where it was tried, else the first method
_SIDES = {"corpus alone": "scores_without", "with write-back": "scores_with"}

# One row a benchmark, method and knowledge base: `method` against `against` over the same one, question by question.
# The row `mean` weighs benchmarks equally; its interval draws benchmarks and questions, and it has no p.
METHODS_COMPARED = pl.Schema(
    {
        "generator": pl.String(),
        "encoder": pl.String(),
        "benchmark": pl.String(),
        "method": pl.String(),
        "against": pl.String(),
        "knowledge": pl.String(),
        "questions": pl.Int64(),
        "score_against": pl.Float64(),
        "score": pl.Float64(),
        "difference": pl.Float64(),
        "ci_low": pl.Float64(),
        "ci_high": pl.Float64(),
        "p": pl.Float64(),
        "better": pl.Int64(),
        "worse": pl.Int64(),
        "seed": pl.Int64(),
    }
)


def methods_compared(matrix: pl.DataFrame) -> pl.DataFrame:
    """MATRIX to METHODS_COMPARED; rows of one generator whose questions are the same are compared."""
    found = []
    for part in matrix.drop_nulls("scores_with").partition_by("generator", "encoder", maintain_order=True):
        methods = part["method"].unique(maintain_order=True).to_list()
        against = COMPARED_WITH if COMPARED_WITH in methods else methods[0]
        for method in (name for name in methods if name != against):
            for side, column in _SIDES.items():
                found += _compared(part, method, against, side, column)
    return pl.DataFrame(found, schema=METHODS_COMPARED)


def mean_interval(rows: pl.DataFrame) -> tuple[float, float] | None:
    """Interval of the mean gain of these rows of MATRIX, in points; None where the scores of a question are not known.

    Methods answer the same questions, so the gains of a question are averaged over the rows of its benchmark first.
    Benchmarks and questions are drawn with replacement; of one benchmark the questions alone.
    """
    if rows.is_empty() or rows["scores_with"].null_count() or rows["scores_without"].null_count():
        return None
    groups = []
    for part in rows.partition_by("benchmark", maintain_order=True):
        gains = [_array(row["scores_with"]) - _array(row["scores_without"]) for row in part.iter_rows(named=True)]
        if len({len(gain) for gain in gains}) > 1 or not len(gains[0]):
            return None
        groups.append(np.mean(gains, axis=0))
    return _interval(groups, rows["seed"][0] or 0)


def _compared(part: pl.DataFrame, method: str, against: str, side: str, column: str) -> list[dict[str, Any]]:
    keys = ["generator", "encoder", "benchmark", "data"]
    theirs = part.filter(method=against).select(*keys, pl.col(column).alias("beside"))
    both = part.filter(method=method).select(*keys, "seed", pl.col(column).alias("scores"))
    both = both.join(theirs, on=keys, maintain_order="left", nulls_equal=True)
    rows, differences = [], []
    for row in both.iter_rows(named=True):
        ours, others = _array(row["scores"]), _array(row["beside"])
        if len(ours) != len(others) or not len(ours):
            continue
        difference, seed = ours - others, row["seed"] or 0
        differences.append(difference)
        low, high = _interval([difference], seed)
        better, worse = changed_counts(difference)
        rows.append(
            {name: row[name] for name in ("generator", "encoder", "benchmark", "seed")}
            | {"method": method, "against": against, "knowledge": side, "questions": len(ours)}
            | {"score_against": 100 * float(others.mean()), "score": 100 * float(ours.mean())}
            | {"difference": 100 * float(difference.mean()), "ci_low": low, "ci_high": high}
            | {"p": sign_flip_p(difference, seed=seed), "better": better, "worse": worse}
        )
    if len(rows) > 1:
        names = ("score_against", "score", "difference")
        means = {name: float(np.mean([row[name] for row in rows])) for name in names}
        low, high = _interval(differences, rows[0]["seed"] or 0)
        sums = {name: sum(row[name] for row in rows) for name in ("questions", "better", "worse")}
        rows.append(rows[0] | means | sums | {"benchmark": MEAN, "ci_low": low, "ci_high": high, "p": None})
    return rows


def _interval(differences: Sequence[Floats], seed: int) -> tuple[float, float]:
    if len(differences) == 1:
        low, high = bootstrap_interval(differences[0], seed=seed)
    else:
        low, high = hierarchical_interval([[each] for each in differences], seed=seed)
    return 100 * low, 100 * high


def _array(scores: Sequence[float]) -> Floats:
    return np.asarray(scores, dtype=np.float64)
