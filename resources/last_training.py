"""How a benchmark was trained last, so that it can be trained again the same way: limit, thresholds, K and the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from resources.deployment import Deployment, records_lie_in
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.settings import Settings

# The jobs that train; the second is for benchmarks without test questions.
TRAININGS = ("train_knowledge_base", "train_without_test")
# Dagster's own, of assets that are chosen in the graph and of backfills over assets.
_CHOSEN_ASSETS = "__ASSET_JOB"
_LOOKED_AT = 100  # runs of each job, refreshes of a corpus, newest first
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


@dataclass(frozen=True)
class Training:
    """One that ended well.

    job: the one that trains the benchmark again. began: Unix time of its start; of one that was executed again from
    where it had failed, that of the first try, which read the corpus.
    """

    job: str
    began: float
    run_config: Mapping[str, Any]


def last_training(instance: dg.DagsterInstance, benchmark: str, settings: Settings) -> Training | None:
    """The newest training of ``benchmark`` that ended well under the variant of ``settings``, in the same home."""
    found = []
    for job in (*TRAININGS, _CHOSEN_ASSETS):
        for record in _runs(instance, job, benchmark, [dg.DagsterRunStatus.SUCCESS]):
            chosen = record.dagster_run.asset_selection
            if job == _CHOSEN_ASSETS and dg.AssetKey("release") not in (chosen or ()):
                continue
            if (config := _again(record.dagster_run.run_config, settings)) is not None:
                found.append((record, config))
                break
    if not found:
        return None
    record, config = max(found, key=lambda one: one[0].storage_id)
    entry = Registry.load(settings.home).benchmarks.get(benchmark)
    tested = entry is None or entry.test is not None
    return Training(TRAININGS[0] if tested else TRAININGS[1], _began(instance, record), config)


def last_change(instance: dg.DagsterInstance, corpus: str) -> float | None:
    """When a refresh last found changes in a corpus, as Unix time. One that found none may have come after it."""
    for record in instance.fetch_materializations(refreshes(corpus), limit=_LOOKED_AT).records:
        metadata = record.asset_materialization.metadata if record.asset_materialization else {}
        if "changed" not in metadata or metadata["changed"].value:
            return record.timestamp
    return None


def refreshes(corpus: str) -> dg.AssetRecordsFilter:
    """The records of a corpus' refreshes: of their last stage."""
    return dg.AssetRecordsFilter(asset_key=dg.AssetKey("retired_units"), asset_partitions=[corpus])


def is_being_trained(instance: dg.DagsterInstance, benchmark: str, since: float) -> bool:
    """Whether a training of ``benchmark`` waits in the queue, or is under way and began after ``since`` (Unix time)."""
    for job in TRAININGS:
        if _runs(instance, job, benchmark, _WAITING, limit=1):
            return True
        under_way = _runs(instance, job, benchmark, [dg.DagsterRunStatus.STARTED])
        if any((record.start_time or 0.0) > since for record in under_way):
            return True
    return False


def _runs(
    instance: dg.DagsterInstance,
    job: str,
    benchmark: str,
    statuses: list[dg.DagsterRunStatus],
    limit: int = _LOOKED_AT,
) -> list[dg.RunRecord]:
    wanted = dg.RunsFilter(job_name=job, statuses=statuses, tags={"dagster/partition": benchmark})
    return list(instance.get_run_records(filters=wanted, limit=limit))


def _began(instance: dg.DagsterInstance, record: dg.RunRecord) -> float:
    root = record.dagster_run.root_run_id
    first = instance.get_run_record_by_id(root) if root else None
    return (first and first.start_time) or record.start_time or 0.0


def _again(config: Mapping[str, Any], settings: Settings) -> dict[str, Any] | None:
    """The configuration with which a run does the same in this home; None where it was of another variant or home."""
    chosen = config.get("resources", {}).get("deployment", {}).get("config", {})
    if "home" in chosen and records_lie_in(settings.home):
        chosen = {**chosen, "home": str(settings.home)}  # it may have lain elsewhere at that time
    try:
        used: Settings = Deployment(**chosen).settings
    except (WbragError, ValueError):
        return None  # of a version that had other settings
    if used.variant != settings.variant or used.home != settings.home:
        return None
    again = {name: value for name, value in config.items() if name != "ops"}  # of assets beside the training
    return again | ({"resources": {**config["resources"], "deployment": {"config": chosen}}} if chosen else {})
