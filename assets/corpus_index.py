"""corpus_index: the index over a corpus' passages."""

import dagster as dg

from assets.checks import warn_unless, warning_check
from assets.freshness import REFRESHED_NIGHTLY
from assets.partitions import CORPORA
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource
from resources.pools import ENCODER
from wbrag_pipeline.retrieval.corpus import build_corpus_index
from wbrag_pipeline.retrieval.encoding.reading_limit import TokenLimit, unread
from wbrag_pipeline.retrieval.stores.index_recall import LEAST_RECALL
from wbrag_pipeline.tables import PASSAGES

NEAREST_FOUND = "nearest_passages_found"


@dg.asset(
    partitions_def=CORPORA,
    group_name="corpus",
    kinds={"faiss", "huggingface"},
    pool=ENCODER,
    deps=["corpus_changes"],
    check_specs=[
        warning_check(
            NEAREST_FOUND,
            asset="corpus_index",
            partitions=CORPORA,
            description=f"A search finds {LEAST_RECALL:.0%} of the nearest passages or more, measured at the build.",
        )
    ],
    freshness_policy=REFRESHED_NIGHTLY.policy,
)
def corpus_index(
    context: dg.AssetExecutionContext, deployment: Deployment, encoder: EncoderResource
) -> dg.MaterializeResult:
    """Vectors of all passages and an index over them; only passages that are new in what they say are encoded.

    Where the search is not dense, an index of their words too.
    """
    stage = Stage(context, deployment)
    settings = stage.settings
    loaded = encoder.load(settings)
    manifest, encoded = build_corpus_index(settings, stage.partition, loaded)
    figures: dict[str, int | float | str] = {
        "encoded": encoded,
        "dimension": manifest.dimension,
        "encoder": manifest.encoder,
        "store": manifest.store or "faiss",
        "index": manifest.factory,
        "search": settings.search,
        "recall": manifest.recall,
    }
    if isinstance(loaded, TokenLimit):
        found = unread(PASSAGES.read(settings.table("passages", stage.partition)), loaded)
        figures |= {"longer_than_read": found.passages, "share_not_embedded": found.share}
        if found.passages:
            context.log.warning(str(found))
    enough = manifest.recall >= LEAST_RECALL
    if not enough:
        context.log.warning(f"the index finds {manifest.recall:.1%} of the nearest passages; --index flat finds all")
    return stage.result(
        rows=manifest.count,
        figures=figures,
        checks=[warn_unless(enough, NEAREST_FOUND, recall=manifest.recall)],
    )
