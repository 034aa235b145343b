"""roll_back: the job that serves a benchmark's earlier release again, from the UI or through GraphQL."""

import dagster as dg

from assets.partitions import BENCHMARKS
from resources.deployment import PREVIOUS_RELEASE, Deployment
from resources.run_tags import RELEASE, tag_run
from wbrag_pipeline.refresh import moving_by_hand


class Reason(dg.Config):
    """Why, for the record of the pointer."""

    reason: str = "rolled back in Dagster"


@dg.op(name=PREVIOUS_RELEASE)
def previous_release(context: dg.OpExecutionContext, config: Reason, deployment: Deployment) -> None:
    """Moves the pointer to what was served before. Running servers follow at their next request."""
    settings, benchmark = deployment.settings, context.partition_key
    done = moving_by_hand.roll_back(
        settings,
        benchmark,
        actor=f"run {context.run_id}",
        reason=config.reason,
        doing=f"roll_back of {benchmark}",
        tell=context.log.warning,
    )
    tag_run(context.instance, context.run, RELEASE, done.served)
    # So the history of the asset shows it, too.
    seen = {"served": done.served, "left": done.left, "reason": config.reason}
    context.log_event(dg.AssetObservation(dg.AssetKey("release"), partition=benchmark, metadata=seen))


@dg.job(
    partitions_def=BENCHMARKS,
    description="Serve the release again that was served before. The one that is left is not promoted again by itself.",
)
def roll_back() -> None:
    """One partition, at once: it waits for no training."""
    previous_release()
