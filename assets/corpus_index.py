"""corpus_index: the FAISS index over a corpus' passages."""

import dagster as dg

from assets.freshness import REFRESHED_NIGHTLY
from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from wbrag_pipeline.retrieval.corpus import build_corpus_index


@dg.asset(
    partitions_def=CORPORA,
    group_name="corpus",
    kinds={"faiss", "huggingface"},
    deps=["corpus_changes"],
    freshness_policy=REFRESHED_NIGHTLY,
)
def corpus_index(
    context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource
) -> dg.MaterializeResult:
    """Vectors of all passages and a FAISS index over them; only passages that are new in what they say are encoded."""
    stage = Stage(context, deployment)
    settings = stage.settings
    manifest, encoded = build_corpus_index(settings, stage.partition, encoder.load(settings))
    return stage.result(
        rows=manifest.count,
        figures={"encoded": encoded, "dimension": manifest.dimension, "encoder": manifest.encoder},
    )
