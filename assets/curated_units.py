"""curated_units: every unit with what became of it, and why."""

import dagster as dg
import polars as pl

from assets.checks import blocking_check
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import TABLE, Stage
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from wbrag_pipeline.curation.curate import curate, uncurated, unfit
from wbrag_pipeline.curation.unit import PUBLISHED, STATES
from wbrag_pipeline.training.scoring import select_passages

FIT_TO_SEARCH = "published_units_are_fit_to_search"


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    io_manager_key="tables",
    dagster_type=TABLE,
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
    check_specs=[
        blocking_check(
            FIT_TO_SEARCH,
            asset="curated_units",
            description="Each sentence of a published unit follows from its sources, and none is quarantined text.",
        )
    ],
)
def curated_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    encoder: EncoderResource,
    generator: GeneratorResource,
    knowledge_units: pl.DataFrame,
    gated_docs: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult:
    """Unsupported sentences cut, duplicates merged, contradictions settled, what must not be searched kept out."""
    settings = deployment.settings
    stage = Stage(context, settings)
    model = None if settings.curate == "off" else generator.load(settings)
    unfit_units: list[str] = []
    with stage.counted(model) as calls:
        if model is None:
            frame = uncurated(knowledge_units)
        else:
            # All that was retrieved, not the sources alone: it is what may contradict a unit.
            retrieved = select_passages(passages, gated_docs)
            frame = curate(
                knowledge_units,
                retrieved,
                encoder.load(settings),
                model,
                private=settings.private,
                known_from=stage.lineage.known_from(settings.variant, stage.partition),
            )
            unfit_units = unfit(frame, retrieved, model, settings.private)
    stage.lineage.record_curation(stage.run_id, settings.variant, stage.partition, frame)
    counts = dict(frame.group_by("state").len().iter_rows())
    shares = {f"{state}_share": counts.get(state, 0) / max(1, frame.height) for state in STATES}
    cut = frame.filter(pl.col("cut_sentences").list.len() > 0).height
    decided = frame.filter((pl.col("state") != PUBLISHED) | (pl.col("cut_sentences").list.len() > 0))
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            **{state: counts.get(state, 0) for state in STATES},
            **shares,
            "shortened": cut,
            "unsupported_share": (cut + counts.get("rejected", 0)) / max(1, frame.height),
            **calls,
        },
        preview=decided.select("unit_id", "state", "reason", "kept_by", "title", "text"),
        checks=[
            dg.AssetCheckResult(
                check_name=FIT_TO_SEARCH,
                passed=not unfit_units,
                metadata={"unfit": ", ".join(unfit_units), "curation": settings.curate},
            )
        ],
    )
