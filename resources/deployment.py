"""The deployment's settings as one Dagster resource, editable in the Launchpad of every run."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import dagster as dg
from pydantic import Field, create_model

from resources.run_tags import HOME, VARIANT, tag_run
from wbrag_pipeline.checked_model import Setting
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.generation.accounts.budget import budget_of, spending
from wbrag_pipeline.home import CORPUS_TABLES
from wbrag_pipeline.rag.methods import with_canonical_method
from wbrag_pipeline.run_locks import at_work, benchmark_lock, corpus_lock
from wbrag_pipeline.settings import Settings, all_settings

# The op that moves the pointer back to the release before.
PREVIOUS_RELEASE = "previous_release"


class _Deployment(dg.ConfigurableResource):  # type: ignore[type-arg]
    @property
    def settings(self) -> Settings:
        """The package's own ``Settings``. Raises InputError for values out of range and for an earlier home."""
        given = {setting.name: getattr(self, setting.name) for setting in all_settings()}
        settings = with_canonical_method(Settings.from_environment(**given))
        settings.layout.check_layout()
        return settings

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["_Deployment"]:
        """Holds, for as long as the run lasts, what no other run may change meanwhile: see ``run_locks``."""
        run, settings = context.run, self.settings
        if run is None:  # a resource on its own, in somebody's notebook
            yield self
            return
        partition = run.tags.get("dagster/partition", "")
        alone, shared = _locks(settings, partition, _steps(context))
        if context.instance:
            tag_run(context.instance, run, VARIANT, settings.variant)
            tag_run(context.instance, run, HOME, str(settings.home))
        doing = f"run {run.run_id[:8]}" + (f" of {partition}" if partition else "")
        tell = context.log.warning if context.log else print
        with (
            at_work(settings.layout, doing, run=run.run_id, alone=alone, shared=shared, tell=tell),
            spending(budget_of(settings)),
        ):
            yield self


def _steps(context: dg.InitResourceContext) -> Sequence[str]:
    """The keys of all steps that the run is to execute.

    A run that a schedule, a sensor or a backfill asks for names no steps: that means all of its job. Only the plan that
    is stored with the run says which these are.
    """
    run, instance = context.run, context.instance
    if run is None:
        return ()
    if run.step_keys_to_execute:
        return run.step_keys_to_execute
    if instance is None or run.execution_plan_snapshot_id is None:
        return ()
    return instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute


def _locks(settings: Settings, partition: str, steps: Sequence[str]) -> tuple[list[str], list[str]]:
    """What a run has alone, and what it shares."""
    if any(step in CORPUS_TABLES or step == "corpus_index" for step in steps):
        return [corpus_lock(partition)], []
    if set(steps) == {PREVIOUS_RELEASE}:
        return [], []  # only the pointer moves, and at once
    entry = Registry.load(settings.home).benchmarks.get(partition)
    if entry is None:
        return [], []
    # Experiments keep their tables by content, so two of them, or one and a training, do not disturb each other.
    only_tries = all(step.endswith("_experiment") for step in steps)
    return [] if only_tries else [benchmark_lock(settings.variant, partition)], [corpus_lock(entry.corpus)]


def fields_of_settings() -> dict[str, Any]:
    """A pydantic field a setting, as Dagster reads them; what is left out is the environment's value or the default."""

    def field(setting: Setting) -> Any:
        kind = setting.kind if setting.kind in (bool, int, float) else str
        told = f"{setting.description} ({setting.variable}; default {str(setting.default) or 'none'})"
        return (Optional[kind], Field(default=None, description=told))  # noqa: UP045 - Dagster reads this form

    return {setting.name: field(setting) for setting in all_settings()}


Deployment: Any = create_model("Deployment", __base__=_Deployment, **fields_of_settings())
Deployment.__doc__ = "What this deployment runs with. What is left out is the environment's value or the default."


def run_config(settings: Settings) -> dict[str, Any]:
    """The configuration of the resource ``deployment`` that makes it these settings."""
    return {"config": settings.model_dump(mode="json", exclude_none=True)}


def records_lie_in(home: Path) -> bool:
    """Whether Dagster's records are a part of the home, so that all runs in them are of this one."""
    records = os.environ.get("DAGSTER_HOME")
    return bool(records) and Path(records or "").resolve().is_relative_to(home.resolve())
