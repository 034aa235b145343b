"""curated_units: every unit with what became of it, and why."""

import dagster as dg
import polars as pl

from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.curation.curate import curate, uncurated
from wbrag_pipeline.curation.unit import STATES
from wbrag_pipeline.writeback.scoring import select_passages


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    io_manager_key="tables",
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
)
def curated_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    knowledge_units: pl.DataFrame,
    gated_docs: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Unsupported sentences cut, duplicates merged, contradictions settled, what must not be searched kept out."""
    settings = deployment.settings
    stage = Stage(context, settings)
    model = generator.load(settings)
    select_passages(passages, gated_docs)
    with stage.counted(model) as calls:
        frame = curate(knowledge_units, model) if settings.curate == "on" else uncurated(knowledge_units)
    counts = dict(frame.group_by("state").len().iter_rows())
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            **{state: counts.get(state, 0) for state in STATES},
            **{f"{state}_share": counts.get(state, 0) / max(1, frame.height) for state in STATES},
            **calls,
        },
        preview=frame.filter(pl.col("state") != "published").select("unit_id", "title", "state", "reason", "text"),
    )
