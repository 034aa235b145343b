"""A run whose process was killed is told to have failed; one that is at work, or another's, is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.pipeline.conftest import Place
from wbrag_pipeline.run_locks import at_work, holders

STARTED, CANCELING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING


@pytest.fixture
def instance(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "shared with other homes"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_of(place: Place, instance: dg.DagsterInstance, status: Any = STARTED, home: str = "", **more: Any) -> str:
    tags = {"wbrag/variant": place.settings.variant, "wbrag/home": home or str(place.settings.home)}
    job = place.definitions.defs.resolve_job_def("roll_back")
    partition = {"dagster/partition": "towns"}
    run = instance.create_run_for_job(job, status=status, **{"tags": {**tags, **partition}, **more})
    return str(run.run_id)


def look(place: Place, instance: dg.DagsterInstance, times: int = 2) -> str:
    """What the sensor said at the last of so many looks."""
    sensor, cursor, said = place.definitions.defs.resolve_sensor_def("killed_runs"), None, ""
    for _ in range(times):
        with dg.build_sensor_context(instance, cursor=cursor, definitions=place.definitions.defs) as context:
            tick = sensor.evaluate_tick(context)
        cursor, said = tick.cursor, str(tick.skip_message)
    return said


def status(instance: dg.DagsterInstance, run: str) -> str:
    found = instance.get_run_by_id(run)
    assert found
    return str(found.status.value)


def test_a_run_whose_process_has_gone_is_told_to_have_failed_at_the_second_look(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """A dead run kept its place in the pools, and every later night waited behind it."""
    gone = run_of(place, instance)
    look(place, instance, times=1)
    assert status(instance, gone) == "STARTED"  # it may be about to say that it ended well
    assert gone in look(place, instance)
    assert status(instance, gone) == "FAILURE"
    ended = instance.get_run_by_id(gone)
    assert ended and ended.tags["dagster/max_retries"] == "0"  # of a command: nobody starts it again unasked
    assert look(place, instance) == "failed without a word: none"


def test_one_that_was_being_ended_is_told_to_have_been(place: Place, instance: dg.DagsterInstance) -> None:
    gone = run_of(place, instance, CANCELING)
    look(place, instance)
    assert status(instance, gone) == "CANCELED"


def test_one_that_is_at_work_is_left_alone(place: Place, instance: dg.DagsterInstance) -> None:
    alive = run_of(place, instance)
    with at_work(place.settings.layout, "a run", run=alive):
        look(place, instance, times=3)
        assert status(instance, alive) == "STARTED"


def test_runs_of_other_homes_and_projects_are_left_alone(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, not_ours = run_of(place, instance, home="/elsewhere"), run_of(place, instance, tags={})
    look(place, instance, times=3)
    assert status(instance, elsewhere) == status(instance, not_ours) == "STARTED"
    # Records inside a home are of this home alone, wherever it lay when the run began.
    monkeypatch.setenv("DAGSTER_HOME", str(place.settings.home / "dagster"))
    look(place, instance)
    assert status(instance, elsewhere) == "FAILURE"


def test_one_that_was_killed_before_it_came_to_its_work_is_given_the_time_to_start(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assets.killed_runs as killed_runs

    monkeypatch.setenv("DAGSTER_HOME", str(place.settings.home / "dagster"))
    starting = run_of(place, instance, dg.DagsterRunStatus.NOT_STARTED, tags={})
    begun = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name="roll_back")
    instance.report_dagster_event(begun, starting)
    look(place, instance, times=3)
    assert status(instance, starting) == "STARTED"
    monkeypatch.setattr(killed_runs, "_TIME_TO_START", -1.0)
    look(place, instance)
    assert status(instance, starting) == "FAILURE"


def test_a_command_is_known_to_be_at_work_before_dagster_knows_of_its_run(
    place: Place, instance: dg.DagsterInstance
) -> None:
    from wbrag_pipeline.commands.pipeline import _execute

    class Job:
        def execute_in_process(self, *, run_id: str, tags: dict[str, str], **_: Any) -> None:
            assert run_id in {holder.run for holder in holders(place.settings.layout)}
            assert tags == {"wbrag/home": str(place.settings.home), "wbrag/variant": place.settings.variant}

    _execute(Job(), instance, place.settings, "towns", {})
    assert not holders(place.settings.layout)


def test_a_launcher_that_looks_after_its_runs_is_left_to_do_so(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(instance.run_launcher), "supports_check_run_worker_health", True)
    launched = run_of(place, instance)
    with monkeypatch.context() as patch:
        patch.setattr(dg.DagsterRun, "remote_job_origin", object())
        look(place, instance, times=3)
    assert status(instance, launched) == "STARTED"
    look(place, instance)  # of a command, which no launcher knows
    assert status(instance, launched) == "FAILURE"
