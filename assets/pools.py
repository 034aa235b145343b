"""Pools: how many runs may hold a model at the same time, over all runs of an instance.

``deploy/dagster.yaml``, and the one that ``wbrag ui`` writes, count a run in each pool that one of its assets names,
from its first step to its last, and let one run into a pool. So fifty datasets that are trained in one backfill load
one model after the other, not fifty at once. An asset is in one pool: that of the larger model it may load.
"""

GENERATOR = "generator"
ENCODER = "encoder"
