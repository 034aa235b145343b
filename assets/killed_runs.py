"""killed_runs: runs whose process was killed are told to have failed, where nobody else notices.

A code location notices when the process of a run that it started is killed. Nobody notices where the code location went
with it (its container was replaced, the machine started again), or where the run is one of the command ``wbrag``, which
no launcher knows. Such a run would stay "started" for ever, with its place in the pools: every later run, and every
night, would wait for it in the queue.

A run holds a lock in the home for as long as it is at work, and the system frees that of a process that has gone
(``run_locks``). A launcher that looks after its runs itself (Kubernetes) is left to do so.
"""

import json
import time

import dagster as dg

from resources.deployment import Deployment, records_lie_in
from resources.run_tags import HOME, VARIANT
from wbrag_pipeline.run_locks import holders

_ENDED = "Its process has ended without a word: it was killed, or ran out of memory, or its machine was started again."
_NOT_AGAIN = {"dagster/max_retries": "0"}
_UNDER_WAY = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_TIME_TO_START = 600.0  # seconds


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def killed_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Every minute: says of runs whose process has gone that they failed, so that others need not wait for them."""
    instance, settings = context.instance, Deployment().settings
    seen = set(json.loads(context.cursor)) if context.cursor else set()
    # Asked before the locks are looked at: a run that ends in between is gone by both.
    under_way = instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY))
    at_work = {holder.run for holder in holders(settings.layout)}
    home = None if records_lie_in(settings.home) else str(settings.home)
    gone = [
        record.dagster_run
        for record in under_way
        if home in (None, record.dagster_run.tags.get(HOME))
        and record.dagster_run.run_id not in at_work
        and _came_to_its_work(record)
        and not _is_looked_after(instance, record.dagster_run)
    ]
    # Twice in a row: one that ends well has no lock either in the moment before it says so.
    for run in gone:
        if run.run_id in seen:
            _tell(instance, run)
    told = [run.run_id for run in gone if run.run_id in seen]
    cursor = json.dumps(sorted(run.run_id for run in gone if run.run_id not in seen))
    return dg.SensorResult(skip_reason=f"failed without a word: {', '.join(told) or 'none'}", cursor=cursor)


def _came_to_its_work(record: dg.RunRecord) -> bool:
    """Whether it had its lock, or has had the time to get it."""
    return VARIANT in record.dagster_run.tags or time.time() - (record.start_time or 0.0) > _TIME_TO_START


def _is_looked_after(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    return run.remote_job_origin is not None and instance.run_launcher.supports_check_run_worker_health


def _tell(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, _ENDED)
        return
    if run.remote_job_origin is None:
        # Of a command: Dagster cannot start it again, and the person who typed it can.
        instance.add_run_tags(run.run_id, _NOT_AGAIN)
    instance.report_run_failed(run, _ENDED)
