"""Which benchmarks are trained again after a refresh, by whatever they were trained last and whatever came of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from resources.last_training import last_training
from tests.pipeline.conftest import Place
from wbrag_pipeline.settings import Settings

SUCCESS, FAILURE, STARTED = (dg.DagsterRunStatus[name] for name in ("SUCCESS", "FAILURE", "STARTED"))


@pytest.fixture
def instance(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    import assets.schedules as schedules

    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    monkeypatch.setenv("DAGSTER_HOME", str(place.settings.home / "dagster"))
    monkeypatch.setattr(schedules, "is_indexed", lambda settings, name: name == "towns")
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def refreshed(instance: dg.DagsterInstance, changed: int) -> None:
    made = dg.AssetMaterialization("retired_units", partition="towns", metadata={"changed": changed})
    instance.report_runless_asset_event(made)


def run_of(
    place: Place, instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, assets: str = "", **config: Any
) -> dg.DagsterRun:
    """A record of a training, of a job or of assets that a person chose in the graph."""
    definitions = place.definitions.defs
    job = definitions.resolve_job_def("__ASSET_JOB" if assets else "train_knowledge_base")
    chosen = {dg.AssetKey(name) for name in assets.split()} or None
    run: dg.DagsterRun = instance.create_run_for_job(
        job,
        run_config={"resources": {"deployment": {"config": config}}} if config else {},
        status=status,
        tags={"dagster/partition": "towns"},
        asset_selection=chosen,
    )
    return run


def asked(place: Place, instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[list[Any], str | None]:
    """What the sensor asks for, and its cursor."""
    sensor = place.definitions.defs.resolve_sensor_def("benchmarks_after_refresh")
    with dg.build_sensor_context(instance, cursor=cursor, definitions=place.definitions.defs) as context:
        tick = sensor.evaluate_tick(context)
    return list(tick.run_requests or ()), tick.cursor or cursor


def test_a_training_that_failed_at_night_is_tried_again_after_the_next_refresh_though_that_changed_nothing(
    place: Place, instance: dg.DagsterInstance
) -> None:
    run_of(place, instance, SUCCESS)
    refreshed(instance, 3)
    requests, cursor = asked(place, instance)
    assert [request.partition_key for request in requests] == ["towns"]
    run_of(place, instance, FAILURE)
    requests, cursor = asked(place, instance, cursor)
    assert not requests, "once for a refresh, not every minute"
    refreshed(instance, 0)
    requests, cursor = asked(place, instance, cursor)
    assert [request.partition_key for request in requests] == ["towns"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_a_training_that_has_yet_to_begin_is_not_asked_for_twice(
    place: Place, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run_of(place, instance, SUCCESS)
    refreshed(instance, 3)
    run_of(place, instance, status)
    assert not asked(place, instance)[0]


def test_a_training_under_way_that_began_before_the_change_does_not_count(
    place: Place, instance: dg.DagsterInstance
) -> None:
    run_of(place, instance, SUCCESS)
    run_of(place, instance, STARTED)
    refreshed(instance, 3)
    assert len(asked(place, instance)[0]) == 1


def test_what_was_trained_by_a_backfill_over_assets_is_trained_again(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """Its runs are of Dagster's own job, whose name says nothing of training."""
    assets = "questions retrievals utility_scores gated_docs knowledge_units curated_units writeback_index release"
    run_of(place, instance, SUCCESS, assets=assets, limit=7)
    run_of(place, instance, SUCCESS, assets="report")
    refreshed(instance, 3)
    (request,) = asked(place, instance)[0]
    assert request.job_name == "train_knowledge_base"
    assert request.run_config == {"resources": {"deployment": {"config": {"limit": 7}}}}
    job = place.definitions.defs.resolve_job_def(request.job_name)
    assert dg.validate_run_config(job, request.run_config)


def test_a_home_that_was_moved_is_trained_again_where_it_is_now(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    run_of(place, instance, SUCCESS, home="/where/it/was", limit=7)
    moved = tmp_path / "moved"
    shutil.copytree(place.settings.home, moved)
    settings = Settings(home=moved)
    monkeypatch.setenv("DAGSTER_HOME", str(moved / "dagster"))
    found = last_training(instance, "towns", settings)
    assert found and found.run_config["resources"]["deployment"]["config"] == {"home": str(moved), "limit": 7}
    # Records outside of the home may be of another one, too.
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    assert last_training(instance, "towns", settings) is None


def test_of_another_variant_nothing_is_known(place: Place, instance: dg.DagsterInstance) -> None:
    run_of(place, instance, SUCCESS, method="replug")
    assert last_training(instance, "towns", place.settings) is None
