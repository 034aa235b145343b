"""How the units of a setting came about, and what that cost: rows from the tables of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.experiments.artifact_cache import ACCOUNT, Artifact
from wbrag_pipeline.evaluation.statistics import construction_figures
from wbrag_pipeline.generation.accounts.ledger import Cost, paper_calls
from wbrag_pipeline.generation.generator import Usage

_COUNTS = {"questions": "trained_on", "kept": "kept", "units": "units"}


def construction_row(
    utility_scores: pl.DataFrame, gated_docs: pl.DataFrame, knowledge_units: pl.DataFrame
) -> dict[str, float | int]:
    """``construction_figures`` under the names of ``results.MATRIX``, without the rescued and kinds of labels."""
    figures = construction_figures(utility_scores, gated_docs, knowledge_units)
    for name in ("rescued", "weak_questions", "weak_taught", "synthetic_questions", "synthetic_taught"):
        del figures[name]
    return {_COUNTS.get(name, name): int(value) if name in _COUNTS else value for name, value in figures.items()}


def cost_rows(
    stages: Sequence[Artifact], spent: Sequence[Cost], *, questions: int, kept: int, top_k: int
) -> list[dict[str, Any]]:
    """What the generator was asked for these tables, a row a stage, beside the paper's ``2N + |kept|·K + |kept|``.

    spent: the ledger's costs; those are taken that were booked on the tables' keys. A stage that the formula does not
    count (answering the test) has a plain count of 0.
    """
    formula = paper_calls(questions, kept, top_k)
    # A stage of its own here, so that moving tau_doc finds the scores.
    plain = {**formula, "passage_scores": formula.pop("gated_docs")}
    rows = []
    for name in dict.fromkeys(stage.stage for stage in stages):
        total = usage_of([stage for stage in stages if stage.stage == name], spent)
        rows.append(
            {"stage": name, "plain": plain.get(name, 0), "asked": total.calls, "cached": total.cached}
            | {"sent": total.sent, "failed": total.failed, "seconds": total.seconds}
            | {"prompt_tokens": total.prompt_tokens, "completion_tokens": total.completion_tokens}
        )
    return rows


def usage_of(stages: Sequence[Artifact], spent: Sequence[Cost]) -> Usage:
    """What the ledger says that the making of these tables cost, all together."""
    keys = {stage.key for stage in stages}
    total = Usage()
    for cost in spent:
        if cost.run in keys and cost.stage.startswith(ACCOUNT):
            total.add(cost.usage)
    return total
