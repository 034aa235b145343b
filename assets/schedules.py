"""When the graph runs by itself: every night, when a corpus' files change, and after a corpus was refreshed.

The first and the last are on wherever a Dagster daemon runs (``wbrag ui`` brings one). Each can be switched off in the
UI under Automation, and stays off. Only corpora that were indexed once are refreshed, and only benchmarks that were
trained once are trained again.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg

from assets.partitions import BENCHMARKS, CORPORA
from resources.deployment import Deployment
from resources.last_training import is_being_trained, last_change, last_training, refreshes
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.retrieval.corpus import current_state, is_indexed
from wbrag_pipeline.retrieval.corpus_source import source_fingerprint
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.usage.recorded_queries import RecordedQueries

REFRESH, LOOK_AT_USAGE = "index_corpus", "look_at_usage"
# A refresh takes units out that lost their sources: it does not wait behind a backfill over all benchmarks.
_BEFORE_BACKFILLS = {"dagster/priority": "1"}


def _indexed(settings: Settings) -> list[str]:
    """Corpora with an index. One that was added since the code location loaded is no partition yet: a run of it would
    end the whole tick, and the other corpora would not be refreshed.
    """
    corpora = Registry.load(settings.home).corpora
    return [name for name in CORPORA.get_partition_keys() if name in corpora and is_indexed(settings, name)]


def _cron() -> str:
    setting = Settings.from_environment().refresh_cron
    try:
        dg.ScheduleDefinition(job_name=REFRESH, cron_schedule=setting)
    except dg.DagsterInvalidDefinitionError as error:
        hint = "for example 0 2 * * *, every night at two"
        raise InputError(f"{setting!r} is no cron line", field="WBRAG_REFRESH_CRON", hint=hint) from error
    return setting


@dg.schedule(job_name=REFRESH, cron_schedule=_cron(), default_status=dg.DefaultScheduleStatus.RUNNING)
def corpora_at_night(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Every night at two (WBRAG_REFRESH_CRON): one run a corpus that has an index. On unless switched off in the UI."""
    corpora = _indexed(Deployment().settings)
    # Dagster refuses several runs without keys. A key is looked up among those of the same tick.
    requests = [dg.RunRequest(run_key=corpus, partition_key=corpus, tags=_BEFORE_BACKFILLS) for corpus in corpora]
    return requests or dg.SkipReason("no corpus was indexed yet")


@dg.schedule(job_name=LOOK_AT_USAGE, cron_schedule="0 4 * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def usage_at_night(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Every night at four: one run a benchmark of which served queries were recorded. On unless switched off."""
    settings = Deployment().settings
    names = _known(Registry.load(settings.home).benchmarks)
    recorded = [name for name in names if RecordedQueries(settings.usage(name)).segments()]
    # The key as in corpora_at_night.
    requests = [dg.RunRequest(run_key=name, partition_key=name) for name in recorded]
    return requests or dg.SkipReason("no query was recorded")


@dg.sensor(job_name=REFRESH, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.STOPPED)
def corpus_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Refreshes a corpus whose files changed, once they have been the same for two looks. Off unless switched on.

    A file that is saved often would have its benchmarks trained as often.
    """
    settings = Deployment().settings
    registry = Registry.load(settings.home)
    seen: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    now: dict[str, str] = {}
    requests = []
    for corpus in _indexed(settings):
        if registry.corpus(corpus).retriever is not None:
            continue  # it has no files; every night it is asked anew
        now[corpus] = source_fingerprint(registry.corpus(corpus))
        try:
            state = current_state(settings, corpus)
        except IntegrityError:
            state = None
        if (state is None or state.source != now[corpus]) and seen.get(corpus) == now[corpus]:
            # The key keeps a source that is refused (most of it is gone) from being tried every minute.
            requests.append(
                dg.RunRequest(partition_key=corpus, tags=_BEFORE_BACKFILLS, run_key=f"{corpus} {now[corpus]}")
            )
    if not requests and seen == now:
        return dg.SkipReason("no corpus' files changed")
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(now, sort_keys=True))


def training_sensor(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """The sensor ``benchmarks_after_refresh`` over the jobs that train."""

    @dg.sensor(jobs=jobs, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
    def benchmarks_after_refresh(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """After each refresh: trains the benchmarks whose corpus changed since their last training, as they were then.

        On by default. A training that failed or was ended is tried again after the next refresh, changed or not.
        """
        settings = Deployment().settings
        registry = Registry.load(settings.home)
        seen: dict[str, int] = json.loads(context.cursor) if context.cursor else {}
        requests: list[dg.RunRequest] = []
        for corpus in _indexed(settings):
            newest = _newest_refresh(context.instance, corpus)
            if newest is None or newest == seen.get(corpus):
                continue
            seen[corpus] = newest
            changed_at = last_change(context.instance, corpus)
            if changed_at is not None:
                requests += _trainings(context.instance, settings, _known(registry.benchmarks_of(corpus)), changed_at)
        if not requests and json.dumps(seen, sort_keys=True) == context.cursor:
            return dg.SkipReason("no corpus was refreshed")
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(seen, sort_keys=True))

    return benchmarks_after_refresh


def _known(benchmarks: Collection[str]) -> list[str]:
    """Those that were there when the code location loaded: a run of another one would end the whole tick."""
    return [name for name in BENCHMARKS.get_partition_keys() if name in benchmarks]


def _newest_refresh(instance: dg.DagsterInstance, corpus: str) -> int | None:
    """The place of its record."""
    records = instance.fetch_materializations(refreshes(corpus), limit=1).records
    return records[0].storage_id if records else None


def _trainings(
    instance: dg.DagsterInstance, settings: Settings, benchmarks: list[str], changed_at: float
) -> Iterator[dg.RunRequest]:
    """For those that were not trained since and are not being trained, as where ``wbrag refresh`` does both."""
    for benchmark in benchmarks:
        last = last_training(instance, benchmark, settings)
        if last and last.began < changed_at and not is_being_trained(instance, benchmark, changed_at):
            yield dg.RunRequest(job_name=last.job, partition_key=benchmark, run_config=last.run_config)
