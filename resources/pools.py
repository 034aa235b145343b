"""Pools: how many runs may hold a model at the same time, over all runs of an instance.

``deploy/dagster.yaml``, and the one that ``wbrag ui`` writes, count a run in each pool that one of its assets names,
from its first step to its last, and let one run into a pool. So fifty datasets that are trained in one backfill load
one model after the other, not fifty at once. An asset is in one pool: that of the larger model it may load.

``python -m resources.pools``, before the daemon starts, makes the pools known to the instance. Dagster 1.13 enters a
pool with its default limit when it first meets it in the queue, and lets all runs pass that it looks at in that moment:
the first backfill of a new instance would load a model for each dataset.
"""

import dagster as dg

GENERATOR = "generator"
ENCODER = "encoder"


def make_pools_known(instance: dg.DagsterInstance) -> None:
    """Enter the pools with the instance's default limit. A limit that somebody set stays."""
    storage = instance.event_log_storage
    if instance.global_op_concurrency_default_limit is None or not storage.supports_global_concurrency_limits:
        return
    known = {pool.name for pool in storage.get_pool_limits()}
    for pool in {GENERATOR, ENCODER} - known:
        storage.initialize_concurrency_limit_to_default(pool)


if __name__ == "__main__":
    with dg.DagsterInstance.get() as found:
        make_pools_known(found)
