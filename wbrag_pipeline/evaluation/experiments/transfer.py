"""Units that one method wrote back, used under another: was a method learnt or the corpus (paper, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.statistics import bootstrap_interval, summarise

NONE = "none"


def pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """(used, made by) for all methods: nobody's units, one's own, each other's."""
    return [(used, maker) for used in methods for maker in (NONE, used, *(m for m in methods if m != used))]


def transferred(bench: Workbench, trial: Trial, made_by: str) -> dict[str, Any]:
    """Answer by the trial's method over the units that ``made_by`` made: a row of ``results.TRANSFER``."""
    if made_by == NONE:
        frame = bench.evaluation(trial, None)
        units = 0
    else:
        maker = trial.with_(method=made_by)
        written = bench.published(maker)
        frame, units = bench.evaluation(trial, written), written.height
    seed = trial.settings.seed
    row = {**who(trial), "made_by": made_by, "units": units, **gain_columns(summarise(frame, seed=seed))}
    if made_by in (NONE, trial.settings.method):
        return row | dict.fromkeys(("over_own", "over_own_low", "over_own_high"))
    own = bench.evaluation(trial, bench.published(trial))
    more = (frame["score_with"] - own["score_with"]).to_numpy()
    low, high = bootstrap_interval(more, seed=seed)
    return row | {"over_own": 100 * float(more.mean()), "over_own_low": 100 * low, "over_own_high": 100 * high}


def own_against_other(transfer: pl.DataFrame) -> pl.DataFrame:
    """TRANSFER to one row a benchmark and method with foreign units: gain_own, made_by, gain_other, difference."""
    keys = ["generator", "encoder", "benchmark", "method"]
    own = transfer.filter(pl.col("made_by") == pl.col("method")).select(*keys, pl.col("gain").alias("gain_own"))
    other = transfer.filter((pl.col("made_by") != pl.col("method")) & (pl.col("made_by") != NONE))
    return (
        other.select(*keys, "made_by", pl.col("gain").alias("gain_other"))
        .join(own, on=keys, how="left", maintain_order="left")
        .with_columns((pl.col("gain_other") - pl.col("gain_own")).alias("difference"))
    )
