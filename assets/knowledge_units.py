"""knowledge_units: the retained evidence of each kept question, distilled into one short passage."""

from dataclasses import asdict

import dagster as dg
import polars as pl

from assets.checks import blocking_check
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.stage import TABLE, Stage, mean
from resources.deployment import Deployment
from resources.engines import GeneratorResource
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.training.distillation import distil, of_one_label_set
from wbrag_pipeline.training.leaks import leaked_answers
from wbrag_pipeline.training.scoring import select_passages

NO_GOLD_ANSWER = "no_gold_answer_reached_the_distiller"
COMPRESSION = "compression_is_a_compression"
# From here on most of what the units say is not their sources' but the distiller's own.
MOST_TIMES_ITS_SOURCES = 2.0


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    io_manager_key="tables",
    dagster_type=TABLE,
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
    check_specs=[
        blocking_check(
            NO_GOLD_ANSWER,
            asset="knowledge_units",
            description="The distiller's tables hold no answers, and no unit holds a gold answer its sources lack.",
        ),
        blocking_check(
            COMPRESSION,
            asset="knowledge_units",
            description="Units are together no longer than the passages they were made of: a warning where they are, "
            f"and past {MOST_TIMES_ITS_SOURCES:g} times their length nothing downstream runs.",
        ),
    ],
)
def knowledge_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    generator: GeneratorResource,
    gated_docs: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult:
    """One unit a kept question: a title and a paragraph, made from its retained passages and never from an answer."""
    settings = deployment.settings
    stage = Stage(context, settings)
    model = generator.load(settings)
    sources = select_passages(passages, gated_docs)
    with stage.counted(model) as calls:
        frame = distil(
            gated_docs,
            sources,
            model,
            benchmark=stage.partition,
            fuse_labels=settings.fuse_labels,
            forgotten=stage.registry.forgotten.evidence,
        )
    stage.lineage.record_units(
        stage.run_id,
        settings.variant,
        stage.partition,
        stage.benchmark.corpus,
        units=frame,
        gated_docs=gated_docs,
        generator_fingerprint=model.fingerprint,
        encoder=settings.encoder,
        method=settings.method,
        gates=asdict(settings.gates),
    )
    retained = gated_docs.filter("retained")
    leaked = leaked_answers(frame, sources, stage.questions("train"))
    source_tokens, unit_tokens = mean(frame["source_tokens"]), mean(frame["unit_tokens"])
    compression = source_tokens / unit_tokens if unit_tokens else 0.0
    return stage.result(
        frame,
        rows=frame.height,
        figures={
            "source_tokens": source_tokens,
            "unit_tokens": unit_tokens,
            "compression": compression,
            "fallback_rate": mean(frame["fallback"]),
            # Passages that were not fused with others because different readers may see them.
            "kept_apart_by_labels": retained.height - of_one_label_set(retained, sources).height,
            **calls,
        },
        preview=frame.select("unit_id", "question", "title", "text"),
        pictures={"lengths": chart_markdown(charts.lengths(frame))} if frame.height else {},
        checks=[
            dg.AssetCheckResult(
                check_name=NO_GOLD_ANSWER,
                passed=leaked == 0 and not {"golden_answers"} & {*gated_docs.columns, *sources.columns},
                metadata={"units_with_an_answer_their_sources_lack": leaked},
            ),
            compression_check(frame),
        ],
    )


def compression_check(units: pl.DataFrame) -> dg.AssetCheckResult:
    """Whether KNOWLEDGE_UNITS are together no longer than their sources.

    Passages of a sentence or two have little to leave out, and a title and a whole sentence may come out longer than
    such a note: that is worth a warning, not the end of a run.
    """
    sources, made = int(units["source_tokens"].sum()), int(units["unit_tokens"].sum())
    far_too_long = made > MOST_TIMES_ITS_SOURCES * sources
    return dg.AssetCheckResult(
        check_name=COMPRESSION,
        passed=made <= sources,
        severity=dg.AssetCheckSeverity.ERROR if far_too_long else dg.AssetCheckSeverity.WARN,
        metadata={"source_tokens": sources, "unit_tokens": made},
    )
