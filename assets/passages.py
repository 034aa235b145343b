"""passages: a corpus' file as one table."""

import dagster as dg
import polars as pl

from assets.partitions import CORPORA
from assets.stage import Stage, mean
from resources.deployment import Deployment
from wbrag_pipeline.benchmarks.corpora import read_corpus


@dg.asset(partitions_def=CORPORA, group_name="corpus", kinds={"polars", "parquet"}, io_manager_key="tables")
def passages(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult[pl.DataFrame]:
    """All passages of a corpus with a hash of each one's content, read from the file that the registry names."""
    stage = Stage(context, deployment.settings)
    frame = read_corpus(stage.registry.corpus(stage.partition).path)
    words = frame["text"].str.split(" ").list.len()
    return stage.result(
        frame,
        rows=frame.height,
        figures={"titles": frame["title"].n_unique(), "mean_words": mean(words)},
        preview=frame.select("passage_id", "title", "text"),
    )
