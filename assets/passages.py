"""passages: a corpus' file as one table."""

import dagster as dg
import polars as pl

from assets.partitions import CORPORA
from assets.stage import Stage, mean
from resources.deployment import Deployment
from wbrag_pipeline.benchmarks.corpora import read_corpus
from wbrag_pipeline.retrieval.corpus import source_fingerprint
from wbrag_pipeline.storage import write_text


@dg.asset(partitions_def=CORPORA, group_name="corpus", kinds={"polars", "parquet"}, io_manager_key="tables")
def passages(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult[pl.DataFrame]:
    """All passages of a corpus with a hash of each one's content, read from the file that the registry names."""
    stage = Stage(context, deployment.settings)
    source = stage.registry.corpus(stage.partition).path
    # Taken before the file is read: should it change meanwhile, the next run will see that.
    fingerprint = source_fingerprint(source)
    frame = read_corpus(source)
    write_text(stage.settings.source_note(stage.partition), fingerprint)
    words = frame["text"].str.split(" ").list.len()
    return stage.result(
        frame,
        rows=frame.height,
        figures={"titles": frame["title"].n_unique(), "mean_words": mean(words)},
        preview=frame.select("passage_id", "title", "text"),
    )
