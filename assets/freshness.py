"""How old what is served may be, for each partition: a check that turns when time passes, not only when a run ends.

Dagster's freshness policies look at an asset as a whole, so one corpus that is refreshed hides all that are not. They
stay, as the coarse sign in the catalogue; the checks here look at each partition. They are evaluated with every
materialization, and by the job ``check_ages``, which the sensor ``ages_by_partition`` runs when a partition has grown
too old. It is one run for all partitions. (Dagster 1.13 stores an evaluation without a run once for a partition.)
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg

from assets.checks import in_preview
from assets.partitions import BENCHMARKS, CORPORA

FRESH = "fresh"


@dataclass(frozen=True)
class AgeLimit:
    """When the newest materialization of a partition is worth a warning, and when it is a failure."""

    asset: str
    check: str
    partitions: dg.StaticPartitionsDefinition
    warn: timedelta
    fail: timedelta

    @property
    def policy(self) -> dg.FreshnessPolicy:
        """The same for the asset as a whole."""
        return dg.FreshnessPolicy.time_window(fail_window=self.fail, warn_window=self.warn)

    def state(self, age: timedelta) -> str:
        """What a partition of that age is: FRESH, ``warn`` or ``fail``."""
        return "fail" if age >= self.fail else "warn" if age >= self.warn else FRESH


# The corpora are refreshed every night: one missed night is a warning, two are a failure.
REFRESHED_NIGHTLY = AgeLimit("corpus_index", "refreshed_lately", CORPORA, timedelta(hours=26), timedelta(hours=50))
# Training follows a refresh that changed something; most nights change nothing.
TRAINED_NOW_AND_THEN = AgeLimit("writeback_index", "trained_lately", BENCHMARKS, timedelta(days=14), timedelta(days=30))
_LIMITS = (REFRESHED_NIGHTLY, TRAINED_NOW_AND_THEN)


@in_preview
def _age_check(limit: AgeLimit) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=limit.check,
        asset=limit.asset,
        partitions_def=limit.partitions,
        description=f"This partition was made less than {limit.warn} ago; a failure from {limit.fail} on.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        made = next(_made(context.instance, limit, context.partition_key), None)
        if made is None:
            return dg.AssetCheckResult(passed=False, metadata={"age": "never made"})
        found = _evaluation(limit, made)
        return dg.AssetCheckResult(passed=found.passed, severity=found.severity, metadata=found.metadata)

    return check


AGE_CHECKS: list[dg.AssetChecksDefinition] = [_age_check(limit) for limit in _LIMITS]


@dg.op(out={})
def evaluate_ages(context: dg.OpExecutionContext) -> Iterator[dg.AssetCheckEvaluation]:
    """One evaluation for each partition that was ever made."""
    for limit in _LIMITS:
        for made in _made(context.instance, limit):
            yield _evaluation(limit, made)


@dg.job(description="Say of every corpus and benchmark whether it has grown too old; makes nothing.")
def check_ages() -> None:
    """One run for all partitions."""
    evaluate_ages()


@dg.sensor(job=check_ages, minimum_interval_seconds=3600, default_status=dg.DefaultSensorStatus.RUNNING)
def ages_by_partition(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Every hour: runs `check_ages` where a corpus or benchmark has grown too old since the last look."""
    now = {
        f"{limit.check} {made.partition_key}": limit.state(_age(made))
        for limit in _LIMITS
        for made in _made(context.instance, limit)
    }
    old = {name: state for name, state in now.items() if state != FRESH}
    seen: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    # What is fresh again said so when it was made.
    if old.items() <= seen.items():
        cursor = json.dumps(old, sort_keys=True)
        return dg.SensorResult(skip_reason="no partition has passed a limit since the last look", cursor=cursor)
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=json.dumps(old, sort_keys=True))


def _made(instance: dg.DagsterInstance, limit: AgeLimit, *partitions: str) -> Iterator[dg.EventLogRecord]:
    """The newest materialization of each partition that has one, of these or of all: two queries, not one for each."""
    wanted_partitions = {*(partitions or limit.partitions.get_partition_keys())}
    key = dg.AssetKey(limit.asset)
    newest = instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted_partitions
    )
    ids = [newest[name] for name in sorted(newest)]
    if ids:
        wanted = dg.AssetRecordsFilter(key, storage_ids=ids)
        yield from instance.fetch_materializations(wanted, limit=len(ids)).records


def _age(made: dg.EventLogRecord) -> timedelta:
    return timedelta(seconds=max(0.0, time.time() - made.timestamp))


def _evaluation(limit: AgeLimit, made: dg.EventLogRecord) -> dg.AssetCheckEvaluation:
    age = _age(made)
    state = limit.state(age)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(limit.asset),
        check_name=limit.check,
        passed=state == FRESH,
        severity=dg.AssetCheckSeverity.ERROR if state == "fail" else dg.AssetCheckSeverity.WARN,
        metadata={
            "age": str(timedelta(seconds=round(age.total_seconds()))),
            "made": dg.MetadataValue.timestamp(made.timestamp),
        },
        partition=made.partition_key,
    )
