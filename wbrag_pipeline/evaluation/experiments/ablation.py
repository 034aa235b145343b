"""One setting changed at a time: the gates' thresholds, the fallback, K (paper, section 5.4).

Scores do not depend on thresholds, so a sweep over them decides anew on the scores that are there and only evidence
that was never distilled costs calls. K changes what is read, and so costs readings of what was not read yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.construction import construction_row, usage_of
from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.statistics import summarise
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.settings import Settings

# The paper's values as far as it gives them, and some beyond.
GRIDS: dict[str, tuple[float, ...]] = {
    "tau_s": (0.0, 0.05, 0.1, 0.2, 0.5),
    "tau_delta": (0.0, 0.01, 0.1, 0.5),
    "tau_doc": (0.0, 0.01, 0.05, 0.1, 0.5),
    "n_min": (1, 2, 3, 5),
    "top_k": (1, 3, 5, 10),
}
SYMBOLS = {"tau_s": "τ_s", "tau_delta": "τ_δ", "tau_doc": "τ_doc", "n_min": "n_min", "top_k": "K"}


def grids_of(given: Sequence[str]) -> dict[str, list[float]]:
    """``tau_s=0,0.1`` and the like to values by setting; a setting that is given twice has the values of both.

    Raises InputError for what cannot be read.
    """
    grids: dict[str, list[float]] = {}
    for text in given:
        name, _, values = text.partition("=")
        try:
            grids.setdefault(name.strip(), []).extend(float(value) for value in values.split(","))
        except ValueError:
            raise InputError(f"cannot be read: {text!r}", field="grid", hint="write it as tau_s=0,0.1,0.2") from None
    return grids


def points(settings: Settings, grids: Mapping[str, Sequence[float]]) -> list[tuple[str, float, Settings]]:
    """(parameter, value, settings) of every point: one setting at that value, the others as ``settings`` has them.

    The settings' own value is added to each grid, so that every curve passes through the default. Raises InputError
    for a setting that cannot be swept, or a value that it cannot take.
    """
    found = []
    for parameter, values in grids.items():
        if parameter not in GRIDS:
            raise InputError(f"there is no threshold {parameter!r}", field="grid", hint=f"one of {', '.join(GRIDS)}")
        for value in sorted({*values, default_of(settings, parameter)}):
            found.append((parameter, float(value), moved(settings, parameter, value)))
    return found


def moved(settings: Settings, parameter: str, value: float) -> Settings:
    """``settings`` with one setting at another value."""
    if parameter in ("n_min", "top_k") and value != int(value):
        raise InputError(f"must be a whole number, not {value}", field=parameter)
    return settings.with_(**{parameter: int(value) if parameter in ("n_min", "top_k") else value})


def default_of(settings: Settings, parameter: str) -> float:
    """The value that ``settings`` has."""
    return float(getattr(settings, parameter))


def point(bench: Workbench, default: Trial, parameter: str, value: float) -> dict[str, Any]:
    """Train and evaluate with one setting changed: a row of ``results.ABLATION``."""
    trial = replace(default, settings=moved(default.settings, parameter, value))
    scores, alone, gated, units = _training(bench, trial)
    summary = summarise(bench.evaluation(trial, bench.published(trial)), seed=trial.settings.seed)
    built = construction_row(scores.read(), gated.read(), units.read())
    # Only what the default did not need anyway is this point's own cost.
    shared = {stage.key for stage in _training(bench, default)}
    spent = costs(trial.settings.layout.completions, partition=trial.benchmark)
    return {
        **who(trial),
        "parameter": parameter,
        "value": value,
        "default": value == default_of(default.settings, parameter),
        **gain_columns(summary),
        **{name: built[name] for name in ("kept", "retained_passages", "fallback_rate", "units")},
        "scoring_sent": usage_of([stage for stage in (scores, alone) if stage.key not in shared], spent).sent,
        "distilling_sent": usage_of([stage for stage in (units,) if stage.key not in shared], spent).sent,
    }


def _training(bench: Workbench, trial: Trial) -> tuple[Artifact, Artifact, Artifact, Artifact]:
    scores, alone = bench.utility_scores(trial), bench.passage_scores(trial)
    return scores, alone, bench.gated_docs(trial), bench.units(trial)
