"""How a benchmark was trained last, so that it can be trained again the same way: limit, thresholds, K and the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from resources.deployment import Deployment
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.settings import Settings

# The jobs that train; the second is for benchmarks without test questions.
TRAININGS = ("train_knowledge_base", "train_without_test")
_LOOKED_AT = 100  # runs of each job, newest first


@dataclass(frozen=True)
class Training:
    """One that ended well; ``began`` is the Unix time of its start."""

    job: str
    began: float
    run_config: Mapping[str, Any]


def last_training(instance: dg.DagsterInstance, benchmark: str, settings: Settings) -> Training | None:
    """The newest training of ``benchmark`` that ended well under the variant of ``settings``, in the same home."""
    found = []
    for job in TRAININGS:
        wanted = dg.RunsFilter(
            job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], tags={"dagster/partition": benchmark}
        )
        for record in instance.get_run_records(filters=wanted, limit=_LOOKED_AT):
            config: dict[str, Any] = dict(record.dagster_run.run_config)
            if _of(config, settings):
                found.append((record.storage_id, Training(job, record.start_time or 0.0, config)))
                break
    return max(found, key=lambda one: one[0])[1] if found else None


def _of(config: Mapping[str, Any], settings: Settings) -> bool:
    chosen = config.get("resources", {}).get("deployment", {}).get("config", {})
    try:
        used: Settings = Deployment(**chosen).settings
    except (WbragError, ValueError):
        return False  # of a version that had other settings
    return bool(used.variant == settings.variant and used.home == settings.home)
