"""corpus_changes: what a corpus gained and lost since the state that is served."""

import dagster as dg
import polars as pl

from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from wbrag_pipeline.refresh import corpus_stages
from wbrag_pipeline.retrieval.passage_changes import counts


@dg.asset(partitions_def=CORPORA, group_name="corpus", kinds={"polars"}, io_manager_key="tables")
def corpus_changes(
    context: dg.AssetExecutionContext, deployment: Deployment, passages: pl.LazyFrame
) -> dg.MaterializeResult[pl.DataFrame]:
    """Passages added, updated, relabelled and deleted, by id and content hash; the others have no row."""
    stage = Stage(context, deployment)
    frame = corpus_stages.corpus_changes(stage.settings, stage.partition, passages)
    total = passages.select(pl.len()).collect().item()
    return stage.result(frame, figures=counts(frame, total), preview=frame)
