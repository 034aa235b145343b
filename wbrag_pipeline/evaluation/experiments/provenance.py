"""What a row of results was made with: seed, settings, version and data, so that it can be made again or set apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.source_code import version_of_the_code

_OWN_COLUMNS = ("encoder", "generator", "method", "seed")  # of the settings, those that a row has a column of


def made_with(bench: Workbench, trial: Trial) -> dict[str, Any]:
    """The columns that say what a row was made with.

    seed: of bootstrap and draws. settings: all others, as a JSON object. version: of the code, with its commit.
    data: hash of the benchmark's questions and of its corpus.
    """
    settings = {name: value for name, value in trial.settings.record().items() if name not in _OWN_COLUMNS}
    return {
        "seed": trial.settings.seed,
        "settings": json.dumps(settings, sort_keys=True),
        "version": version_of_the_code(),
        "data": bench.data_fingerprint(trial),
    }


def changed_settings(record: Mapping[str, Any]) -> dict[str, str]:
    """Of the settings of a record those that are not the default, but for the ones that have a column of their own."""
    usual = Settings().record()
    changed = {name: value for name, value in record.items() if name in usual and value != usual[name]}
    return {name: str(value) for name, value in sorted(changed.items()) if name not in _OWN_COLUMNS}


def settings_facts(settings: Settings, benchmark: Benchmark) -> dict[str, str]:
    """What a benchmark's report says of how its figures were made."""
    others = ", ".join(f"{name} {value}" for name, value in changed_settings(settings.record()).items())
    return {
        "corpus": benchmark.corpus,
        "task": benchmark.task,
        "metric": benchmark.metric,
        "encoder": settings.encoder,
        "generator": settings.generator,
        "method": settings.method,
        "passages a question": str(settings.top_k),
        "thresholds": ", ".join(f"{name} {value}" for name, value in settings.thresholds.items()),
        "not the default": others or "nothing else",
        "seed of the intervals": str(settings.seed),
        "version": version_of_the_code(),
    }


def made_with_in_words(tables: Iterable[pl.DataFrame]) -> str:
    """Version, seed and settings that are not the default, of all rows of these tables, in a sentence; "" for none."""
    rows = [table.select("seed", "settings", "version") for table in tables]
    known = pl.concat(rows).unique(maintain_order=True).drop_nulls() if rows else pl.DataFrame()
    if known.is_empty():
        return ""
    changed: dict[str, list[str]] = {}
    for settings in known["settings"].unique(maintain_order=True):
        for name, value in changed_settings(json.loads(settings)).items():
            changed.setdefault(name, []).append(value)
    versions, seeds = (", ".join(map(str, known[name].unique(maintain_order=True))) for name in ("version", "seed"))
    others = "".join(f", {name} {' and '.join(dict.fromkeys(values))}" for name, values in sorted(changed.items()))
    return f"Made by wbrag {versions} with seed {seeds}{others or ' and the default settings'}."
