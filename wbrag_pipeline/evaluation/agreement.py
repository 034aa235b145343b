"""How far the gates decide alike with the generator's own verdict and with gold answers.

Agreement beyond chance is Cohen's kappa ("A coefficient of agreement for nominal scales", 1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from wbrag_pipeline.rag.policy import Retrieve
from wbrag_pipeline.settings import Gates
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.scoring import Scores, score_passages, score_utility, unscored


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
    questions: pl.DataFrame,
    retrievals: pl.DataFrame,
    passages: pl.DataFrame,
    gold: Scores,
    judge: Scores,
    gates: Gates,
    again: Retrieve | None = None,
) -> JudgeStudy:
    """QUESTIONS, RETRIEVALS and PASSAGES through both gates twice, once with each scorer.

    A question that either could not score is left out and counted. ``again`` is as for ``score_utility``.
    """
    scores = [score_utility(questions, retrievals, passages, scorer, again=again) for scorer in (gold, judge)]
    lost = pl.concat([unscored(frame) for frame in scores])["question_id"].unique()
    kept = [
        utility_gate(frame, gates).filter(~pl.col("question_id").is_in(lost.implode())).filter("kept")
        for frame in scores
    ]
    decided = questions.select("question_id").filter(~pl.col("question_id").is_in(lost.implode()))
    sides = [decided.with_columns(pl.col("question_id").is_in(k["question_id"].implode()).alias("kept")) for k in kept]
    shared = kept[0].join(kept[1], on="question_id", how="semi").select("question_id")
    asked = questions.join(shared, on="question_id", how="semi")
    gated, failed = [], 0
    for frame, scorer in zip(kept, (gold, judge), strict=True):
        alone = score_passages(asked, retrievals, passages, scorer)
        failed += alone["standalone_score"].null_count()
        gated.append(document_gate(frame.join(shared, on="question_id", how="semi"), alone, gates))
    return JudgeStudy(
        agreement(sides[0], sides[1], ("question_id",), "kept", lost.len()),
        agreement(gated[0], gated[1], ("question_id", "rank"), "retained", failed),
    )
