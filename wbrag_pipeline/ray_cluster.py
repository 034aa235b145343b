"""A Ray cluster: how the setting ``workers`` names one, and how this process joins it."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from wbrag_pipeline.errors import InputError, MissingPartError, WbragError

_PREFIX = "ray:"


def cluster_address(workers: str) -> str | None:
    """The cluster's address; None where the setting is "", which is no cluster.

    ``ray:`` without an address is the cluster that RAY_ADDRESS names, else one that is started on this machine.
    Raises InputError for anything else.
    """
    if not workers:
        return None
    if not workers.startswith(_PREFIX):
        hint = "ray:HOST:6379 for a cluster, or leave it out to encode in this process"
        raise InputError(f"is no cluster: {workers!r}", field="workers", hint=hint)
    return workers.removeprefix(_PREFIX)


def join_cluster(address: str) -> Any:
    """The module ``ray``, connected to the cluster at ``address``, or where it was connected already.

    Raises MissingPartError where Ray is not installed, WbragError where the cluster cannot be reached.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingPartError("Ray", "pip install 'wbrag-pipeline[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that is started here reports to nobody
    import ray

    if not ray.is_initialized():
        named = {"address": address} if address else {}
        try:
            ray.init(log_to_driver=False, logging_level="warning", **named)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = address or os.environ.get("RAY_ADDRESS") or "this machine"
            raise WbragError(f"no Ray cluster at {where} can be joined: {str(error).splitlines()[0]}") from error
    return ray
