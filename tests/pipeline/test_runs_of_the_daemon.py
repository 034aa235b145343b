"""Runs as a schedule, a sensor and a backfill ask for them: they name no steps, which means all of their job."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.snap import snapshot_from_execution_plan

from tests.pipeline.conftest import Place


class HeldError(Exception):
    """Ends a run where it is at work."""


def asked_for(place: Place, instance: dg.DagsterInstance, job: dg.JobDefinition, partition: str) -> Any:
    """A run of all steps of the job, stored as Dagster's scheduler stores one."""
    tags = {"dagster/partition": partition}
    config = {"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}}
    plan = create_execution_plan(job, run_config=config, tags=tags)
    return instance.create_run(
        job_name=job.name,
        run_id=None,
        run_config=config,
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, job.get_job_snapshot_id()),
        job_snapshot=job.get_job_snapshot(),
        parent_job_snapshot=None,
        asset_selection=None,
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=None,
        job_code_origin=None,
        asset_graph=job.asset_layer.asset_graph,
    )


def held(place: Place, instance: dg.DagsterInstance, job: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What such a run has alone and shares, at the moment when it begins its work."""
    import resources.deployment as deployment

    seen = []

    def see(layout: Any, doing: str, *, alone: Any, shared: Any, **_: Any) -> Any:
        seen.append((alone, shared))
        raise HeldError

    monkeypatch.setattr(deployment, "at_work", see)
    found = place.definitions.defs.resolve_job_def(job)
    run = asked_for(place, instance, found, "towns")
    assert run.step_keys_to_execute is None
    with suppress(HeldError, dg.DagsterError):
        execute_run(InMemoryJob(found), run, instance)
    stored = instance.get_run_by_id(run.run_id)
    # By which a run is known that was killed.
    assert stored and stored.tags["wbrag/home"] == str(place.settings.home)
    (locks,) = seen
    return locks


def test_a_run_that_names_no_steps_holds_what_its_job_works_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held nothing: a nightly refresh ran beside trainings, and two trainings of one benchmark beside each other."""
    corpus, benchmark = ["corpus towns"], [f"benchmark towns under {place.settings.variant}"]
    with dg.DagsterInstance.ephemeral() as instance:
        locks = {
            job: held(place, instance, job, monkeypatch)
            for job in ("index_corpus", "train_knowledge_base", "train_without_test", "run_experiments", "roll_back")
        }
    assert locks == {
        "index_corpus": (corpus, []),
        "train_knowledge_base": (benchmark, corpus),
        "train_without_test": (benchmark, corpus),
        "run_experiments": ([], corpus),
        "roll_back": ([], []),
    }
