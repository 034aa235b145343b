"""corpus_index: the FAISS index over a corpus' passages."""

import dagster as dg
import polars as pl

from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from wbrag_pipeline.retrieval.corpus_index import build_corpus_index


@dg.asset(partitions_def=CORPORA, group_name="corpus", kinds={"faiss", "huggingface"})
def corpus_index(
    context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource, passages: pl.LazyFrame
) -> dg.MaterializeResult:
    """Vectors of all passages and a FAISS index over them; chunks that did not change are not encoded again."""
    settings = deployment.settings
    stage = Stage(context, settings)
    index = build_corpus_index(passages, encoder.load(settings), settings.corpus_index(context.partition_key))
    return stage.result(
        rows=len(index),
        figures={"dimension": index.dimension, "encoder": settings.encoder},
    )
