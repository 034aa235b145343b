"""corpus_index: the FAISS index over a corpus' passages."""

import dagster as dg

from assets.freshness import REFRESHED_NIGHTLY
from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from resources.pools import ENCODER
from wbrag_pipeline.retrieval.corpus import build_corpus_index
from wbrag_pipeline.retrieval.reading_limit import TokenLimit, unread
from wbrag_pipeline.tables import PASSAGES


@dg.asset(
    partitions_def=CORPORA,
    group_name="corpus",
    kinds={"faiss", "huggingface"},
    pool=ENCODER,
    deps=["corpus_changes"],
    freshness_policy=REFRESHED_NIGHTLY.policy,
)
def corpus_index(
    context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource
) -> dg.MaterializeResult:
    """Vectors of all passages and a FAISS index over them; only passages that are new in what they say are encoded."""
    stage = Stage(context, deployment)
    settings = stage.settings
    loaded = encoder.load(settings)
    manifest, encoded = build_corpus_index(settings, stage.partition, loaded)
    figures: dict[str, int | float | str] = {
        "encoded": encoded,
        "dimension": manifest.dimension,
        "encoder": manifest.encoder,
    }
    if isinstance(loaded, TokenLimit):
        found = unread(PASSAGES.read(settings.table("passages", stage.partition)), loaded)
        figures |= {"longer_than_read": found.passages, "share_not_embedded": found.share}
        if found.passages:
            context.log.warning(str(found))
    return stage.result(
        rows=manifest.count,
        figures=figures,
    )
