"""Asset checks of partitioned assets."""

import warnings

import dagster as dg

from assets.partitions import BENCHMARKS


def blocking_check(name: str, *, asset: str, description: str) -> dg.AssetCheckSpec:
    """A check, evaluated with each benchmark's partition, whose failure keeps everything downstream from running."""
    with warnings.catch_warnings():
        # Partitions on a check are in preview since Dagster 1.12; without them the UI mixes all partitions' results.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=True, partitions_def=BENCHMARKS)
