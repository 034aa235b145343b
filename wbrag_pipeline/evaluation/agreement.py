"""How far the gates decide alike with the generator's own verdict and with gold answers.

Agreement beyond chance is Cohen's kappa ("A coefficient of agreement for nominal scales", 1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.scoring import FAILED, unscored


@dataclass(frozen=True)
class Agreement:
    """Two deciders on the same cases: how often both keep, one alone, neither; ``left_out`` one could not decide."""

    both: int
    gold_only: int
    judge_only: int
    neither: int
    left_out: int = 0

    @property
    def cases(self) -> int:
        """Cases that both decided."""
        return self.both + self.gold_only + self.judge_only + self.neither

    @property
    def share(self) -> float:
        """Share of cases decided alike; 0 for no cases."""
        return (self.both + self.neither) / self.cases if self.cases else 0.0

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa; None where chance alone would agree always, so that nothing can be said beyond it."""
        n = self.cases
        gold, judge = self.both + self.gold_only, self.both + self.judge_only
        if not n or (gold == judge and gold in (0, n)):
            return None
        chance = (gold * judge + (n - gold) * (n - judge)) / n**2
        return (self.share - chance) / (1.0 - chance)


def agreement(gold: pl.DataFrame, judged: pl.DataFrame, key: Sequence[str], decision: str, left_out: int) -> Agreement:
    """Count a Boolean column ``decision`` over the rows that both tables have; ``key`` is unique in each."""
    both = gold.select(*key, pl.col(decision).alias("gold")).join(
        judged.select(*key, pl.col(decision).alias("judged")), on=list(key), how="inner"
    )

    def count(gold: bool, judged: bool) -> int:
        return both.filter(gold=gold, judged=judged).height

    return Agreement(count(True, True), count(True, False), count(False, True), count(False, False), left_out)


@dataclass(frozen=True)
class JudgeStudy:
    """The utility gate over all questions; the document gate over the passages of questions that both keep."""

    questions: Agreement
    passages: Agreement


def study_judge(
    context: StageContext, questions: pl.DataFrame, retrievals: pl.DataFrame, passages: pl.LazyFrame
) -> JudgeStudy:
    """The training part of QUESTIONS through both gates twice: by gold answers, and by the generator's own verdict.

    A question that either could not score is left out and counted. Nobody is rescued, since a verdict rescues nobody.
    """
    sides = [
        replace(context, settings=context.settings.with_(scorer=scorer, rescue_depth=0)) for scorer in ("gold", "judge")
    ]
    scores = [stages.utility_scores(side, questions, retrievals, passages).table for side in sides]
    lost = pl.concat([unscored(frame) for frame in scores])["question_id"].unique()
    scores = [frame.filter(~pl.col("question_id").is_in(lost.implode())) for frame in scores]
    kept = [stages.kept_questions(side, frame) for side, frame in zip(sides, scores, strict=True)]
    decided = [
        frame.select("question_id", pl.col("question_id").is_in(k["question_id"].implode()).alias("kept"))
        for frame, k in zip(scores, kept, strict=True)
    ]
    shared = kept[0].join(kept[1], on="question_id", how="semi").select("question_id")
    gated, failed = [], 0
    for side, frame in zip(sides, scores, strict=True):
        both_keep = frame.join(shared, on="question_id", how="semi")
        alone = stages.passage_scores(side, questions, retrievals, both_keep, passages).table
        failed += alone.filter(pl.col("status") == FAILED).height
        gated.append(stages.decide(side, both_keep, alone).table)
    return JudgeStudy(
        agreement(decided[0], decided[1], ("question_id",), "kept", lost.len()),
        agreement(gated[0], gated[1], ("question_id", "rank"), "retained", failed),
    )
