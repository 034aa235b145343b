"""knowledge_units: the retained evidence of each kept question, distilled into one short passage."""

import dagster as dg
import polars as pl

from assets.checks import blocking_check, in_preview, warn_unless, warning_check
from assets.partitions import BENCHMARKS, CORPUS_OF_BENCHMARK
from assets.retrying import retried_on_the_network
from assets.stage import TABLE, Stage
from resources.deployment import Deployment
from resources.engines import GeneratorResource
from resources.pools import GENERATOR
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation import charts
from wbrag_pipeline.evaluation.drawing import chart_markdown
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.leaks import leaked_answers
from wbrag_pipeline.training.scoring import select_passages
from wbrag_pipeline.training.train import record_units

NO_GOLD_ANSWER = "no_gold_answer_reached_the_distiller"
COMPRESSION = "compression_is_a_compression"
WRITTEN_BY_THE_MODEL = "units_are_written_by_the_model"
# From here on most of what the units say is not their sources' but the distiller's own.
MOST_TIMES_ITS_SOURCES = 2.0
# A larger share of units from the extractive fallback says that the model cannot do its part.
MOST_EXTRACTIVE = 0.2


@dg.asset(
    partitions_def=BENCHMARKS,
    group_name="training",
    kinds={"polars"},
    pool=GENERATOR,
    io_manager_key="tables",
    dagster_type=TABLE,
    ins={"passages": dg.AssetIn(partition_mapping=CORPUS_OF_BENCHMARK)},
    check_specs=[
        blocking_check(
            COMPRESSION,
            asset="knowledge_units",
            description="Units are together no longer than the passages they were made of: a warning where they are, "
            f"and past {MOST_TIMES_ITS_SOURCES:g} times their length nothing downstream runs.",
        ),
        warning_check(
            WRITTEN_BY_THE_MODEL,
            asset="knowledge_units",
            description="The generator's own drafts could be used. Where they cannot, the extractive fallback writes "
            f"the unit; a warning where it wrote more than {MOST_EXTRACTIVE:.0%} of them.",
        ),
    ],
)
@retried_on_the_network
def knowledge_units(
    context: dg.AssetExecutionContext,
    deployment: Deployment,
    generator: GeneratorResource,
    gated_docs: pl.DataFrame,
    passages: pl.LazyFrame,
) -> dg.MaterializeResult:
    """One unit a kept question: a title and a paragraph, made from its retained passages and never from an answer."""
    stage = Stage(context, deployment, generator=generator)
    made = stages.knowledge_units(stage.context, gated_docs, passages)
    record_units(stage.context, stage.lineage, gated_docs, made.table)
    extractive = float(made.figures["extractive_share"])
    return stage.result(
        made.table,
        figures=made.figures,
        preview=made.table.select("unit_id", "question", "title", "text", "written_by"),
        pictures={"lengths": chart_markdown(charts.lengths(made.table))} if made.table.height else {},
        checks=[
            compression_check(made.table),
            warn_unless(extractive <= MOST_EXTRACTIVE, WRITTEN_BY_THE_MODEL, extractive_share=extractive),
        ],
    )


@in_preview
def _no_gold_answer() -> dg.AssetChecksDefinition:
    # A check of its own, so that the asset above has no way to the questions' answers.
    @dg.asset_check(
        name=NO_GOLD_ANSWER,
        asset=knowledge_units,
        partitions_def=BENCHMARKS,
        blocking=True,
        additional_ins={"questions": dg.AssetIn(), "gated_docs": dg.AssetIn()},
        description="The distiller's tables hold no answers, and no unit holds a gold answer its sources lack.",
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        deployment: Deployment,
        knowledge_units: pl.DataFrame,
        questions: pl.DataFrame,
        gated_docs: pl.DataFrame,
    ) -> dg.AssetCheckResult:
        settings = deployment.settings
        # Read here: a check's inputs have the check's own partition, and the passages have the corpus'.
        corpus = Registry.load(settings.home).benchmark(context.partition_key).corpus
        sources = select_passages(tables.PASSAGES.load_lazily(settings, corpus), gated_docs)
        leaked = leaked_answers(knowledge_units, sources, stages.of_split(questions, "train"))
        return dg.AssetCheckResult(
            passed=leaked == 0 and not {"golden_answers"} & {*gated_docs.columns, *sources.columns},
            metadata={"units_with_an_answer_their_sources_lack": leaked},
        )

    return check


no_gold_answer = _no_gold_answer()


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
