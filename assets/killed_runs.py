"""killed_runs: runs whose process was killed, or ran out of memory, are told to have failed.

Nobody else notices. The launcher of a laptop and of ``deploy/compose.yaml`` starts runs as processes of the code
location and does not look after them, and a run of the command ``wbrag`` has no launcher. Such a run would stay
"started" for ever, with its place in the pools: every later run, and every night, would wait for it in the queue.

A run holds a lock in the home for as long as it is at work, and the system frees that of a process that has gone
(``run_locks``). A launcher that looks after its runs itself (Kubernetes) is left to do so.
"""

import json

import dagster as dg

from resources.deployment import Deployment, records_lie_in
from resources.run_tags import HOME, VARIANT
from wbrag_pipeline.run_locks import holders

_ENDED = "Its process has ended without a word: it was killed, or ran out of memory, or its machine was started again."
_NOT_AGAIN = {"dagster/max_retries": "0"}


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def killed_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Every minute: says of runs whose process has gone that they failed, so that others need not wait for them."""
    instance, settings = context.instance, Deployment().settings
    seen = set(json.loads(context.cursor)) if context.cursor else set()
    # Asked before the locks are looked at: a run that ends in between is gone by both.
    under_way = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]))
    at_work = {holder.run for holder in holders(settings.layout)}
    home = str(settings.home)
    gone = [
        run
        for run in under_way
        if (run.tags.get(HOME) == home or (records_lie_in(settings.home) and VARIANT in run.tags))
        and run.run_id not in at_work
        and (run.remote_job_origin is None or not instance.run_launcher.supports_check_run_worker_health)
    ]
    # Twice in a row: one that ends well has no lock either in the moment before it says so.
    for run in gone:
        if run.run_id in seen:
            _tell(instance, run)
    told = [run.run_id for run in gone if run.run_id in seen]
    cursor = json.dumps(sorted(run.run_id for run in gone if run.run_id not in seen))
    return dg.SensorResult(skip_reason=f"failed without a word: {', '.join(told) or 'none'}", cursor=cursor)


def _tell(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, _ENDED)
        return
    if run.remote_job_origin is None:
        # Of a command: Dagster cannot start it again, and the person who typed it can.
        instance.add_run_tags(run.run_id, _NOT_AGAIN)
    instance.report_run_failed(run, _ENDED)
