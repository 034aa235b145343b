"""Asset checks that question a result before a person believes it: see ``wbrag_pipeline.evaluation.diagnosis``."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from assets.checks import in_preview, warn_unless
from assets.curated_units import curated_units
from assets.partitions import BENCHMARKS
from wbrag_pipeline.evaluation.diagnosis import Finding, diagnose_training

TRAINING_IS_PLAUSIBLE = "training_result_is_plausible"
EVALUATION_IS_PLAUSIBLE = "evaluation_result_is_plausible"


def plausible(check_name: str, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    """A warning for each finding; passed where there is none."""
    return warn_unless(not findings, check_name, findings="\n".join(map(str, findings)) or "none")


@in_preview
def _training_is_plausible() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=TRAINING_IS_PLAUSIBLE,
        asset=curated_units,
        partitions_def=BENCHMARKS,
        additional_ins={"questions": dg.AssetIn(), "utility_scores": dg.AssetIn(), "gated_docs": dg.AssetIn()},
        description="There are questions enough, they were answered, and units came of them; a warning where not.",
    )
    def check(
        questions: pl.DataFrame, utility_scores: pl.DataFrame, gated_docs: pl.DataFrame, curated_units: pl.DataFrame
    ) -> dg.AssetCheckResult:
        return plausible(TRAINING_IS_PLAUSIBLE, diagnose_training(questions, utility_scores, gated_docs, curated_units))

    return check


training_is_plausible = _training_is_plausible()
