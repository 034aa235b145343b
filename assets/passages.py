"""passages: a corpus' file as one table."""

import dagster as dg
import polars as pl

from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.refresh import corpus_stages
from wbrag_pipeline.training.scoring import mean


class Scan(dg.Config):
    """How a corpus' file is read."""

    allow_deletions: bool = False  # also when most of the corpus is gone


@dg.asset(partitions_def=CORPORA, group_name="corpus", kinds={"polars", "parquet"}, io_manager_key="tables")
def passages(
    context: dg.AssetExecutionContext, config: Scan, deployment: Deployment
) -> dg.MaterializeResult[pl.DataFrame]:
    """All passages of a corpus with a hash of each one's content, read from the file that the registry names."""
    stage = Stage(context, deployment)
    bad = BadDocuments(skip=stage.settings.skip_bad)
    frame = corpus_stages.read_passages(
        stage.settings, stage.registry, stage.partition, bad, allow_deletions=config.allow_deletions
    )
    for line in bad.lines():
        context.log.warning(line)
    words = frame["text"].str.split(" ").list.len()
    return stage.result(
        frame,
        figures={
            "titles": frame["title"].n_unique(),
            "mean_words": mean(words),
            "labelled": int((frame["labels"].list.len() > 0).sum()),
            "left_out": bad.count,
            "links_not_followed": bad.links,
            "files_not_read": bad.passed_over.total(),
            "documents_without_text": bad.without_text,
            "documents_unchanged": bad.unchanged,
            "control_characters": bad.controls,
            "rows_cut": bad.cut,
        },
        preview=frame.select("passage_id", "title", "text"),
    )
