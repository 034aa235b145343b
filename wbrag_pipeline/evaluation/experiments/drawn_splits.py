"""Whether a gain holds: several splits of the questions into training and test, and settings that were chosen earlier.

No split drawn here was looked at when a default was chosen, but the questions were: they are the benchmark's own, in
other parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.rivals import OURS
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.statistics import Floats, hierarchical_interval, summarise
from wbrag_pipeline.settings import Settings

SPLITS_DRAWN = 3  # so many test parts without a question in common there are in each of the six benchmarks
# Each variant, what it is, and the settings that it changes.
_CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    OURS: ("the present settings", {}),
    "paper's form": ("no rescue, no curation", {"rescue_depth": 0, "curate": False}),
    "no rescue": ("--rescue-depth 0", {"rescue_depth": 0}),
    "no curation": ("--no-curate", {"curate": False}),
    "no validation part": ("--validation-share 0: a tenth more training questions", {"validation_share": 0.0}),
}
_EVERY_VOTE = ("each vote counts", "--method replug:once=no: a unit and its source vote twice")
VARIANT_MEANINGS = {name: meaning for name, (meaning, _) in _CHANGES.items()} | dict([_EVERY_VOTE])


def variants_of(settings: Settings) -> dict[str, Settings]:
    """The settings of each variant that there is under this method."""
    found = {name: settings.with_(**change) for name, (_, change) in _CHANGES.items()}
    if settings.method == "replug":
        found[_EVERY_VOTE[0]] = settings.with_(method="replug:once=no")
    return found


def split_row(bench: Workbench, trial: Trial, variant: str, split: int) -> dict[str, Any]:
    """Train and evaluate a variant on one drawn split: a row of ``results.SPLITS``."""
    moved = replace(trial, settings=variants_of(trial.settings)[variant], split=split)
    units = bench.published(moved)
    evaluation = bench.evaluation(moved, units).sort("question_id")
    summary = summarise(evaluation, seed=trial.settings.seed)
    return {
        **who(trial),
        "variant": variant,
        "split": split,
        "questions": summary.questions,
        **gain_columns(summary),
        "trained_on": bench.questions(moved, "train").height,
        "units": units.height,
        "differences": (evaluation["score_with"] - evaluation["score_without"]).to_list(),
    }


def over_splits(rows: pl.DataFrame, *, seed: int = 0) -> list[dict[str, Any]]:
    """SPLITS of one generator and method to a row a benchmark and variant, and a row a variant over all benchmarks.

    Columns: benchmark ("mean" over all, where there are several), variant, gain, low, high (over splits and questions;
    over benchmarks too in the mean), by_split, and behind, behind_low, behind_high: what the present settings score
    more than the variant, question by question.
    """
    found = []
    benchmarks = rows["benchmark"].unique(maintain_order=True).to_list()
    for variant in rows["variant"].unique(maintain_order=True):
        parts = {name: rows.filter(benchmark=name, variant=variant).sort("split") for name in benchmarks}
        gains = {name: _differences(part) for name, part in parts.items()}
        others = {name: _differences(rows.filter(benchmark=name, variant=OURS).sort("split")) for name in benchmarks}
        behind = {
            name: [ours - theirs for ours, theirs in zip(others[name], gains[name], strict=False)]
            for name in benchmarks
            if parts[name]["split"].equals(rows.filter(benchmark=name, variant=OURS).sort("split")["split"])
        }
        for name in benchmarks:
            if gains[name]:
                told = _told([gains[name]], [behind[name]] if behind.get(name) else [], seed)
                by_split = [100 * float(one.mean()) for one in gains[name]]
                found.append({"benchmark": name, "variant": variant, "by_split": by_split, **told})
        if len(benchmarks) > 1:
            told = _told([g for g in gains.values() if g], [b for b in behind.values() if b], seed)
            found.append({"benchmark": "mean", "variant": variant, "by_split": [], **told})
    order = {name: place for place, name in enumerate([*benchmarks, "mean"])}
    return sorted(found, key=lambda row: order[row["benchmark"]])


def _told(gains: Sequence[Sequence[Floats]], behind: Sequence[Sequence[Floats]], seed: int) -> Mapping[str, Any]:
    told: dict[str, Any] = dict.fromkeys(("behind", "behind_low", "behind_high"))
    for name, groups in (("gain", gains), ("behind", behind)):
        if groups:
            low, high = hierarchical_interval(groups, seed=seed)
            told[name] = 100 * float(np.mean([np.mean([split.mean() for split in group]) for group in groups]))
            told[f"{name}_low"], told[f"{name}_high"] = 100 * low, 100 * high
    return told


def _differences(part: pl.DataFrame) -> list[Floats]:
    return [np.array(values, dtype=np.float64) for values in part["differences"]]
