"""retrievals: the top K passages of every training question."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage, mean
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.rag.searching import TransformsQueries
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.training.scoring import retrieve


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"faiss", "polars"},
    io_manager_key="tables",
    deps=[dg.AssetDep("corpus_index", partition_mapping=CORPUS_OF_BENCHMARK)],
)
def retrievals(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Top K of the corpus, or deeper, for each training question. The registry hands out none that is for the test."""
    settings = deployment.settings
    stage = Stage(context, settings)
    train = stage.questions("train")
    base = open_knowledge_base(
        settings, stage.benchmark.corpus, encoder.load(settings), for_training=True
    ).unrestricted()
    method = method_named(settings.method)
    # Only a query transform needs the generator here, and loading one can take minutes.
    model = generator.load(settings) if isinstance(method, TransformsQueries) else None
    with stage.counted(model) as calls:
        frame = retrieve(train, base, settings.search_depth, method, model)
    return stage.result(
        frame,
        rows=frame.height,
        figures={"questions": train.height, "top_1_score": mean(frame.filter(rank=1)["score"]), **calls},
        preview=frame,
    )
