"""Asset checks of partitioned assets."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from assets.partitions import BENCHMARKS

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


def in_preview(make: Callable[Arguments, Made]) -> Callable[Arguments, Made]:
    """Silence Dagster's note that partitions on a check are in preview; without them the UI mixes all partitions."""

    @wraps(make)
    def quiet(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Made:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return make(*args, **kwargs)

    return quiet


@in_preview
def blocking_check(name: str, *, asset: str, description: str) -> dg.AssetCheckSpec:
    """A check, evaluated with each benchmark's partition, whose failure keeps everything downstream from running."""
    return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=True, partitions_def=BENCHMARKS)


@in_preview
def warning_check(
    name: str, *, asset: str, description: str, partitions: dg.PartitionsDefinition[str] = BENCHMARKS
) -> dg.AssetCheckSpec:
    """A check, evaluated with each partition, whose failure is shown and stops nothing."""
    return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def warn_unless(passed: bool, name: str, **metadata: str | float) -> dg.AssetCheckResult:
    """The result of a ``warning_check``, with what is shown beside it."""
    return dg.AssetCheckResult(check_name=name, passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)
