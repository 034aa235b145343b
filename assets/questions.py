"""questions: a benchmark's questions as this run uses them."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS
from assets.stage import Stage
from resources.deployment import Deployment
from wbrag_pipeline.training import stages


@dg.asset(partitions_def=BENCHMARKS, group_name="training", kinds={"polars"}, io_manager_key="tables")
def questions(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult[pl.DataFrame]:
    """Training, validation and test questions, read from the benchmark's files once a run. Holds the gold answers."""
    stage = Stage(context, deployment)
    made = stages.questions(stage.context)
    # Answers are left out of the preview, which Dagster keeps.
    preview = made.table.select("split", "question_id", "question")
    return stage.result(made.table, figures=made.figures, preview=preview)
