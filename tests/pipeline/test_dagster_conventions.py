"""What every asset must have as Dagster's users run it: pools, owners, kinds, code versions, tags, ages, retries."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.pipeline.conftest import Place
from wbrag_pipeline.errors import EndpointError, InputError, TooManyFailedError
from wbrag_pipeline.releases.pointer import served_name
from wbrag_pipeline.settings import Settings


def run(place: Place, instance: dg.DagsterInstance, job: str, **more: Any) -> Any:
    return place.definitions.defs.resolve_job_def(job).execute_in_process(
        run_config={"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}},
        instance=instance,
        partition_key="towns",
        **more,
    )


@pytest.fixture(scope="module")
def trained(place: Place, instance: dg.DagsterInstance) -> dict[str, Any]:
    """Results by job."""
    return {job: run(place, instance, job) for job in ("index_corpus", "train_knowledge_base")}


@pytest.fixture
def loaded_again(load_definitions: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Loads the code location beside that of ``place``, whose modules are there again after the test."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("assets", "resources") or name == "wbrag_pipeline.definitions":
            monkeypatch.setitem(sys.modules, name, sys.modules[name])
    return load_definitions


def assets_of(place: Place) -> list[dg.AssetsDefinition]:
    return list(place.definitions.defs.assets)


def test_every_asset_says_who_answers_for_it_what_it_is_made_with_and_by_which_code(place: Place) -> None:
    found = [spec for asset in assets_of(place) for spec in asset.specs]
    assert len(found) > 15
    for spec in found:
        assert spec.owners == ["team:knowledge-base"], spec.key
        assert spec.kinds, spec.key
        assert len(spec.code_version or "") == 12, spec.key
        assert spec.group_name and spec.description, spec.key
    by_group = {spec.group_name: spec.code_version for spec in found}
    assert len(set(by_group.values())) > 1  # what only evaluates does not mark what trains as out of step


def test_all_definitions_can_be_loaded_together(place: Place) -> None:
    dg.Definitions.validate_loadable(place.definitions.defs)
    assert {job.name for job in place.definitions.defs.get_repository_def().get_all_jobs()} >= {
        "roll_back",
        "check_ages",
    }


def test_owners_are_those_of_the_setting(place: Place, loaded_again: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_OWNERS", "rag@example.com, team:search")
    loaded = loaded_again().defs
    assert {tuple(spec.owners) for asset in loaded.assets for spec in asset.specs} == {
        ("rag@example.com", "team:search")
    }


def test_what_loads_a_model_is_in_a_pool_and_nothing_else_is(place: Place) -> None:
    for asset in assets_of(place):
        resources = asset.required_resource_keys
        pool = asset.op.pool if isinstance(asset.op, dg.OpDefinition) else None
        if "generator" in resources:
            assert pool == "generator" or (asset.key.to_user_string() == "retrievals" and pool == "encoder")
        else:
            assert pool == ("encoder" if "encoder" in resources else None), asset.key


def test_a_training_counts_in_both_pools_and_a_refresh_in_the_encoders(place: Place) -> None:
    def pools(job: str) -> set[str]:
        definition = place.definitions.defs.resolve_job_def(job)
        return {node.definition.pool for node in definition.nodes if node.definition.pool}

    assert pools("train_knowledge_base") == pools("train_without_test") == {"generator", "encoder"}
    assert pools("index_corpus") == {"encoder"}
    assert pools("roll_back") == pools("report_experiments") == set()


def test_the_catalogue_shows_the_columns_of_every_stored_table_and_what_they_mean(place: Place) -> None:
    from wbrag_pipeline import tables

    shown = {}
    for asset in assets_of(place):
        for spec in asset.specs:
            if schema := spec.metadata.get("dagster/column_schema"):
                shown[spec.key.path[-1]] = [(column.name, column.type) for column in schema.columns]
                assert all(column.description for column in schema.columns), spec.key
    stored = {table.name: table for table in tables.ALL}
    assert set(shown) == set(stored) & {spec.key.path[-1] for asset in assets_of(place) for spec in asset.specs}
    assert len(shown) > 8
    for name, columns in shown.items():
        assert columns == [(column, str(kind)) for column, kind in stored[name].schema.items()]


def test_a_code_version_reaches_the_records(trained: Any, instance: dg.DagsterInstance, place: Place) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey("utility_scores"))
    assert event and event.asset_materialization and event.asset_materialization.tags
    (spec,) = (s for asset in assets_of(place) for s in asset.specs if s.key == dg.AssetKey("utility_scores"))
    assert event.asset_materialization.tags["dagster/code_version"] == spec.code_version


def test_runs_are_found_by_variant_and_release(place: Place, trained: Any, instance: dg.DagsterInstance) -> None:
    def found(**tags: str) -> set[str]:
        wanted = dg.RunsFilter(tags={f"wbrag/{name}": value for name, value in tags.items()})
        return {record.dagster_run.job_name for record in instance.get_run_records(wanted)}

    assert found(variant=place.settings.variant) >= {"index_corpus", "train_knowledge_base"}
    assert found(release="r000001") == {"train_knowledge_base"}
    assert found(variant="another") == set()


# The age of each partition.


def ages(instance: dg.DagsterInstance) -> dict[tuple[str, str], Any]:
    """The newest evaluation of each age check, by asset and partition."""
    found: dict[tuple[str, str], Any] = {}
    for asset, name in (("corpus_index", "refreshed_lately"), ("writeback_index", "trained_lately")):
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=50):
            evaluation = record.event.dagster_event.event_specific_data
            found.setdefault((asset, evaluation.partition), (evaluation.passed, evaluation.severity.value))
    return found


def test_each_partition_that_grows_old_is_marked_and_no_other(
    place: Place, trained: Any, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assets.freshness as freshness

    # Another partition, and a fresh one: only what is old may turn.
    instance.report_runless_asset_event(dg.AssetMaterialization("corpus_index", partition="sample"))
    sensor = place.definitions.defs.resolve_sensor_def("ages_by_partition")
    real, cursor = freshness._age, None

    def look(older: dict[str, timedelta]) -> Any:
        nonlocal cursor
        monkeypatch.setattr(freshness, "_age", lambda made: real(made) + older.get(made.partition_key, timedelta()))
        with dg.build_sensor_context(instance, cursor=cursor, definitions=place.definitions.defs) as context:
            tick = sensor.evaluate_tick(context)
        cursor = tick.cursor
        for _ in tick.run_requests or ():
            assert place.definitions.defs.resolve_job_def("check_ages").execute_in_process(instance=instance).success
        return ages(instance) if tick.run_requests else None

    assert look({}) is None
    towns, sample, trained_towns = ("corpus_index", "towns"), ("corpus_index", "sample"), ("writeback_index", "towns")
    assert ages(instance) == {towns: (True, "WARN"), trained_towns: (True, "WARN")}  # with their materializations
    others = {sample: (True, "WARN"), trained_towns: (True, "WARN")}
    assert look({"towns": timedelta(hours=27)}) == {towns: (False, "WARN"), **others}
    assert look({"towns": timedelta(hours=28)}) is None  # told once
    assert look({"towns": timedelta(days=3)}) == {towns: (False, "ERROR"), **others}
    old = look({"towns": timedelta(days=31)})
    assert old == {towns: (False, "ERROR"), sample: (True, "WARN"), trained_towns: (False, "ERROR")}
    assert look({}) is None  # made again, which has told so itself
    assert look({"towns": timedelta(hours=27)}) == {towns: (False, "WARN"), **others}


def test_a_partition_that_was_never_made_has_no_age(place: Place) -> None:
    with dg.DagsterInstance.ephemeral() as empty:
        sensor = place.definitions.defs.resolve_sensor_def("ages_by_partition")
        with dg.build_sensor_context(empty, definitions=place.definitions.defs) as context:
            assert not sensor.evaluate_tick(context).run_requests


# What is tried again.


class Run:
    """As much of a context as the decorator asks for."""

    retry_number = 0

    def __init__(self, launched: bool) -> None:
        self.run = type("", (), {"remote_job_origin": object() if launched else None})()


def tried(error: Exception, generator: str, launched: bool) -> type[BaseException]:
    from assets.retrying import retried_on_the_network

    def stage(context: Any, deployment: Any) -> None:
        raise error

    deployment = type("", (), {"settings": Settings(generator=generator)})()
    with pytest.raises(Exception) as caught:
        retried_on_the_network(stage)(Run(launched), deployment=deployment)
    return caught.type


@pytest.mark.parametrize("error", [EndpointError("gone"), TooManyFailedError("utility_scores", 3, 20, 0.01)])
def test_only_a_server_that_failed_a_launched_run_is_asked_again(error: Exception) -> None:
    server = "openai:http://localhost:1#m"
    assert tried(error, server, launched=True) is dg.RetryRequested
    assert tried(error, "ray:m", launched=True) is dg.RetryRequested
    assert tried(error, server, launched=False) is type(error)  # wbrag run tells a person at once
    for local in ("reader", "transformers:m", "vllm:m"):
        assert tried(error, local, launched=True) is type(error)
    assert tried(InputError("wrong"), server, launched=True) is InputError
    assert tried(KeyError("a bug"), server, launched=True) is KeyError


def test_every_asset_with_a_generator_is_asked_again(place: Place) -> None:
    asked = [a for a in assets_of(place) if "generator" in a.required_resource_keys]
    assert len(asked) > 10
    for asset in asked:
        function = asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]
        assert inspect.unwrap(function) is not function, asset.key
        assert asset.op.retry_policy is None, "repeats a run that a person ends, and files that are wrong"


# Schedules over entries that the code location does not know.


def test_a_corpus_added_since_the_code_location_loaded_does_not_end_the_night(
    place: Place, trained: Any, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assets.schedules as schedules

    monkeypatch.setattr(schedules, "is_indexed", lambda settings, name: True)
    registry = schedules.Registry.load(place.settings.home)
    later = registry.corpora | {"added_since": registry.corpora["towns"]}
    monkeypatch.setattr(type(registry), "load", lambda home: type("", (), {"corpora": later})())
    with dg.build_schedule_context(instance, repository_def=place.definitions.defs.get_repository_def()) as context:
        tick = place.definitions.defs.resolve_schedule_def("corpora_at_night").evaluate_tick(context)
    assert {request.partition_key for request in tick.run_requests} == {"towns", "sample"}
    assert {request.tags["dagster/priority"] for request in tick.run_requests} == {"1"}


def test_the_night_is_a_setting_and_a_cron_line_that_is_none_is_told_of(
    place: Place, loaded_again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_REFRESH_CRON", "*/5 * * * *")
    assert loaded_again().defs.resolve_schedule_def("corpora_at_night").cron_schedule == "*/5 * * * *"
    monkeypatch.setenv("WBRAG_REFRESH_CRON", "at night")
    with pytest.raises(InputError, match=r"WBRAG_REFRESH_CRON.*'at night' is no cron line"):
        loaded_again()


# Rolling back in Dagster.


def test_the_job_rolls_back_and_the_asset_and_the_run_say_to_what(
    place: Place, trained: Any, instance: dg.DagsterInstance
) -> None:
    from wbrag_pipeline.refresh import moving_by_hand

    folder = place.settings.releases("towns")
    first = served_name(folder)
    units = moving_by_hand.store.current(folder).units()
    second = moving_by_hand.store.build_release(
        units.head(1),
        place.definitions.EncoderResource().load(place.settings),
        folder,
        dict(moving_by_hand.store.current(folder).made),
    )
    moving_by_hand.store.promote(folder, second.name, actor="test", reason="test")
    done = place.definitions.defs.resolve_job_def("roll_back").execute_in_process(
        run_config={
            "resources": {"deployment": {"config": {"home": str(place.settings.home)}}},
            "ops": {"previous_release": {"config": {"reason": "wrong hours"}}},
        },
        instance=instance,
        partition_key="towns",
    )
    assert served_name(folder) == first
    (record,) = instance.fetch_observations(dg.AssetKey("release"), limit=1).records
    seen = record.asset_observation
    assert seen and seen.partition == "towns"
    told = {name: value.value for name, value in seen.metadata.items()}
    assert told == {"served": first, "left": second.name, "reason": "wrong hours"}
    tagged = instance.get_run_by_id(done.run_id)
    assert tagged and tagged.tags["wbrag/release"] == first
    assert json.dumps(tagged.tags).count("wbrag/variant") == 1


# The pools are there before the first run is in the queue.


def queued_after_a_look(instance: dg.DagsterInstance, runs: list[dg.DagsterRun]) -> list[str]:
    """Of runs that wait for the generator, those that a new instance's daemon would leave in the queue."""
    from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter

    storage, pools = instance.event_log_storage, instance.get_concurrency_config().pool_config
    counter = GlobalOpConcurrencyLimitsCounter(
        instance,
        runs,
        [],
        concurrency_keys=storage.get_concurrency_keys(),
        pool_limits=storage.get_pool_limits(),
        pool_granularity=pools.pool_granularity,
    )
    left = []
    for run in runs:
        if counter.is_blocked(run):
            left.append(run.run_id)
        else:
            counter.update_counters_with_launched_item(run)
    return left


def test_a_backfill_over_several_partitions_has_one_run_in_the_generators_pool_from_the_first_on(
    place: Place, tmp_path: Path
) -> None:
    import yaml

    from resources.pools import make_pools_known
    from wbrag_pipeline.commands.pipeline import INSTANCE

    job = place.definitions.defs.resolve_job_def("train_knowledge_base")
    with dg.instance_for_test(overrides=yaml.safe_load(INSTANCE), temp_dir=str(tmp_path)) as instance:
        runs = [instance.create_run_for_job(job, tags={"dagster/partition": f"b{n}"}) for n in range(4)]
        assert {frozenset(run.run_op_concurrency.all_pools) for run in runs if run.run_op_concurrency} == {
            frozenset({"generator", "encoder"})
        }
        make_pools_known(instance)
        assert queued_after_a_look(instance, runs) == [run.run_id for run in runs[1:]]
        # What somebody allowed stays.
        instance.event_log_storage.set_concurrency_slots("generator", 3)
        instance.event_log_storage.set_concurrency_slots("encoder", 3)
        make_pools_known(instance)
        assert queued_after_a_look(instance, runs) == [run.run_id for run in runs[3:]]
