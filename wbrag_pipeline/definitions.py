"""The one place where assets, resources, jobs and schedules meet. ``workspace.yaml`` loads this module."""

import dagster as dg

from assets.code_versions import code_version
from assets.column_schemas import column_schema
from assets.corpus_changes import corpus_changes
from assets.corpus_index import corpus_index
from assets.curated_units import curated_units
from assets.diagnosis import training_is_plausible
from assets.evaluation import evaluation
from assets.experiments import EXPERIMENTS, experiments_report
from assets.freshness import AGE_CHECKS, ages_by_partition, check_ages
from assets.gated_docs import gated_docs
from assets.killed_runs import killed_runs
from assets.knowledge_units import knowledge_units, no_gold_answer
from assets.passages import passages
from assets.questions import questions
from assets.release import release
from assets.report import report
from assets.retired_units import retired_units
from assets.retrievals import retrievals
from assets.rolling_back import roll_back
from assets.schedules import LOOK_AT_USAGE, REFRESH, corpora_at_night, corpus_files, training_sensor, usage_at_night
from assets.stored_tables import SCHEMA_CHECKS
from assets.usage import usage
from assets.utility_scores import utility_scores
from assets.writeback_index import writeback_index
from resources.deployment import Deployment
from resources.engines import EncoderResource, GeneratorResource
from resources.run_log import run_log
from resources.table_io import table_io_manager
from wbrag_pipeline.settings import Settings

CORPUS_ASSETS = [passages, corpus_changes, corpus_index, retired_units]
BENCHMARK_ASSETS = [
    questions,
    retrievals,
    utility_scores,
    gated_docs,
    knowledge_units,
    curated_units,
    writeback_index,
    release,
    evaluation,
    report,
]

index_corpus = dg.define_asset_job(
    REFRESH,
    dg.AssetSelection.assets(*CORPUS_ASSETS),
    description="Read a corpus again, bring its index up to date, and retire the units that lost their sources.",
)
train_knowledge_base = dg.define_asset_job(
    "train_knowledge_base",
    dg.AssetSelection.assets(*BENCHMARK_ASSETS),
    description="From training questions to a served release, its evaluation and its report.",
)
train_without_test = dg.define_asset_job(
    "train_without_test",
    dg.AssetSelection.assets(*(asset for asset in BENCHMARK_ASSETS if asset not in (evaluation, report))),
    description="The same for a benchmark with no test questions: all but the evaluation and its report.",
)
look_at_usage = dg.define_asset_job(
    LOOK_AT_USAGE,
    dg.AssetSelection.assets(usage),
    description="What the queries tell that were recorded while a benchmark was served, and whether to train again.",
)
run_experiments = dg.define_asset_job(
    "run_experiments",
    dg.AssetSelection.assets(*EXPERIMENTS),
    description="Matrix, transfer, ablation and oracle of a benchmark; what was found before is not computed again.",
)
report_experiments = dg.define_asset_job(
    "report_experiments",
    dg.AssetSelection.assets(experiments_report),
    description="One page over the experiments of all benchmarks.",
)


_settings = Settings.from_environment()
# The one home of this code location: partitions and schedules are those of its registry.
HOME = _settings.home
OWNERS = [name.strip() for name in _settings.owners.split(",") if name.strip()]


def _answered_for(spec: dg.AssetSpec) -> dg.AssetSpec:
    """What every asset has and none says by itself: who answers for it, by which code it is made, and its columns."""
    metadata = {**spec.metadata, **column_schema(spec.key.path[-1])}
    return spec.replace_attributes(owners=OWNERS, code_version=code_version(spec.group_name or ""), metadata=metadata)


defs = dg.Definitions(
    assets=[
        asset.map_asset_specs(_answered_for)
        for asset in (*CORPUS_ASSETS, *BENCHMARK_ASSETS, usage, *EXPERIMENTS, experiments_report)
    ],
    asset_checks=[*SCHEMA_CHECKS, *AGE_CHECKS, no_gold_answer, training_is_plausible],
    jobs=[
        index_corpus,
        train_knowledge_base,
        train_without_test,
        look_at_usage,
        run_experiments,
        report_experiments,
        roll_back,
        check_ages,
    ],
    schedules=[corpora_at_night, usage_at_night],
    sensors=[corpus_files, training_sensor([train_knowledge_base, train_without_test]), ages_by_partition, killed_runs],
    resources={
        "deployment": Deployment(),
        "encoder": EncoderResource(),
        "generator": GeneratorResource(),
        "tables": table_io_manager,
    },
    # One process a run: the models are loaded once, where the multiprocess executor would load them at every step.
    executor=dg.in_process_executor,
    loggers={"console": dg.colored_console_logger, "people": run_log},
)
