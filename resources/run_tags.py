"""Tags that a run gives itself, whoever started it: the UI's list of runs can be filtered by them.

A variant is known when the run has its settings, a release when it is built. Neither is known to who asks for the run.
"""

import dagster as dg

VARIANT, RELEASE, HOME = "wbrag/variant", "wbrag/release", "wbrag/home"


def tag_run(instance: dg.DagsterInstance, run: dg.DagsterRun, key: str, value: str) -> None:
    """Tag a run that is under way; a second value takes the place of the first."""
    if run.tags.get(key) != value:
        instance.add_run_tags(run.run_id, {key: value})
