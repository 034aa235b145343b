"""usage: what happened after a release, from the queries that ``wbrag serve`` recorded."""

import dagster as dg
import polars as pl

from assets.checks import warn_unless, warning_check
from assets.partitions import BENCHMARKS
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from resources.pools import ENCODER
from wbrag_pipeline.usage.usage_reading import read_usage

NOT_YET = "training_again_is_not_worth_it_yet"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="evaluation",
    kinds={"polars"},
    pool=ENCODER,
    deps=["release"],
    check_specs=[
        warning_check(
            NOT_YET,
            asset="usage",
            description="Questions have not moved, and units are found; a warning where training again is worth it.",
        )
    ],
)
def usage(context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource) -> dg.MaterializeResult:
    """Whether units are retrieved, which questions find nothing good, and how far the questions have moved."""
    stage = Stage(context, deployment, encoder)
    found = read_usage(stage.settings, stage.partition, encoder.load(stage.settings))
    figures: dict[str, float | int | str] = {
        "served": found.served,
        "with_units": found.with_units,
        "units": found.units,
        "never_retrieved": len(found.never),
        "without_hit": found.without_hit,
        "questions": found.questions,
        "far": found.far,
    }
    check = warn_unless(not found.reasons_to_train, NOT_YET, verdict=found.verdict)
    shown = found.shown.select("question_id", "question", "times", pl.col("best_score", "similarity"), "no_hit", "far")
    return stage.result(rows=found.queries, figures=figures, preview=shown, checks=[check])
