"""What recorded queries tell: figures, the questions behind them, and whether training again is worth it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from wbrag_pipeline.usage.question_drift import USUAL, QuestionDrift, at_least, at_most
from wbrag_pipeline.usage.recorded_queries import LONG, PERSONAL, UNWANTED

# Fewer say nothing: queries for a share, different questions for the drift.
FEWEST = 200
# Shares that make training again worth it, if they are shown with 95 % confidence.
MOST_FAR = 2 * USUAL
LEAST_OF_TEST = 0.5
_REASONS = {PERSONAL: "personal data", LONG: "too long", UNWANTED: "texts are not recorded"}


@dataclass(frozen=True)
class UsageFigures:
    """Figures of the recorded queries of one benchmark.

    queries: all that are recorded, from ``since`` to ``until``. left_out: those without a text, by reason.
    release: what is served, with ``served`` of the queries; ``with_units`` of these had a unit among the top K. once:
    the same two numbers, each different question counted once, to be compared with the test questions, of which the
    share ``test_share`` has a unit (None where that is not known).
    units: of the release; never: ids of those that no query of it retrieved.
    without_hit: queries whose best score is under ``good_score``, None where that is not known.
    questions: different questions with a text that were compared with training questions; far: how many are far.
    far_border: similarity under which a question is far. shown: the questions without a good hit or far away:
    question_id, question, times, best_score, similarity, no_hit and far, those asked most first.
    """

    queries: int
    since: datetime | None
    until: datetime | None
    left_out: dict[str, int]
    release: str
    served: int
    with_units: int
    once: tuple[int, int]
    test_share: float | None
    units: int
    never: list[str]
    good_score: float | None
    without_hit: int
    questions: int
    far: int
    far_border: float | None
    shown: pl.DataFrame = field(repr=False)

    @property
    def reasons_to_train(self) -> list[str]:
        """Why training again is worth it, by the rule of docs/how-to/usage.md; none where it is not."""
        reasons = []
        if self.questions >= FEWEST and at_least(self.far, self.questions) > MOST_FAR:
            share = _percent(self.far, self.questions)
            reasons.append(f"the questions have moved: {share} are far from all that trained, {USUAL:.0%} is usual")
        expected, (served, with_units) = self.test_share or 0.0, self.once
        if served >= FEWEST and at_most(with_units, served) < LEAST_OF_TEST * expected:
            share = _percent(with_units, served)
            reasons.append(
                f"units are found less: by {share} of the questions, by {expected:.1%} of the test questions"
            )
        return reasons

    @property
    def verdict(self) -> str:
        """The rule's answer in one sentence."""
        if reasons := self.reasons_to_train:
            return f"training again is worth it: {'; '.join(reasons)}"
        if max(self.questions, self.once[0]) < FEWEST:
            return f"too little is recorded to say whether training again is worth it: {FEWEST} questions are needed"
        return "training again is not worth it yet"

    @property
    def _dates(self) -> str:
        known = self.since is not None and self.until is not None
        return f", {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}" if known else ""

    def lines(self) -> list[tuple[str, str]]:
        """All figures in words, for a terminal and for the report."""
        told = [("queries recorded", f"{self.queries:,}{self._dates}")]
        for reason, count in self.left_out.items():
            told.append((f"… without a text: {_REASONS.get(reason, reason)}", f"{count:,}"))
        told.append((f"… answered from {self.release or 'the corpus alone'}", f"{self.served:,}"))
        if self.served:
            tested = "" if self.test_share is None else f"; of the test questions {self.test_share:.1%}"
            share = _percent(self.with_units, self.served)
            told.append(("… with a unit in the top K", f"{self.with_units:,} ({share}){tested}"))
            told.append(("units that no query retrieved", f"{len(self.never):,} of {self.units:,}"))
        if self.good_score is not None:
            share = _percent(self.without_hit, self.queries)
            told.append(("queries without a good hit", f"{self.without_hit:,} ({share}), under {self.good_score:.3f}"))
        if self.far_border is not None:
            share = f"{_percent(self.far, self.questions)}; {USUAL:.0%} is usual"
            told.append(("questions far from all that trained", f"{self.far:,} of {self.questions:,} ({share})"))
        return [*told, ("training again", self.verdict)]


def sample_figures(
    recorded: pl.DataFrame,
    *,
    release: str,
    unit_ids: pl.Series,
    good_score: float | None,
    test_share: float | None,
    questions: pl.DataFrame,
    drift: QuestionDrift | None,
) -> UsageFigures:
    """Figures of RECORDED rows.

    unit_ids: of the served release. questions: ``different_questions`` of the rows, in the order of the drift.
    """
    served = recorded.filter(pl.col("release") == release)
    retrieved = served.select(pl.col("passages").explode()).to_series().drop_nulls().unique()
    unseen = unit_ids.filter(~("writeback:" + unit_ids).is_in(retrieved.implode()))
    known = pl.col("question_id") != ""
    once = pl.concat([served.filter(known).unique("question_id", keep="last"), served.filter(~known)])
    reasons = recorded.filter(pl.col("left_out") != "")["left_out"].value_counts(sort=True)
    poor = _is_poor(good_score)
    far, near = pl.lit(False), pl.lit(None, pl.Float32)
    if drift is not None:
        far, near = pl.lit(pl.Series(drift.is_far)), pl.lit(pl.Series(drift.similarities))
    marked = questions.with_columns(no_hit=poor, far=far, similarity=near).filter(pl.col("no_hit") | pl.col("far"))
    return UsageFigures(
        queries=recorded.height,
        since=recorded["asked_at"].min(),  # type: ignore[arg-type]
        until=recorded["asked_at"].max(),  # type: ignore[arg-type]
        left_out=dict(reasons.iter_rows()),
        release=release,
        served=served.height,
        with_units=served.filter(pl.col("units") > 0).height,
        once=(once.height, once.filter(pl.col("units") > 0).height),
        test_share=test_share,
        units=len(unit_ids),
        never=unseen.to_list(),
        good_score=good_score,
        without_hit=recorded.filter(poor).height,
        questions=questions.height if drift is not None else 0,
        far=drift.far if drift is not None else 0,
        far_border=drift.border if drift is not None else None,
        shown=marked.sort("times", "question_id", descending=[True, False]),
    )


def different_questions(recorded: pl.DataFrame) -> pl.DataFrame:
    """Each question with a text once: question_id, question as last asked, times, and its best_score then."""
    return (
        recorded.filter(pl.col("question_id") != "")
        .group_by("question_id", maintain_order=True)
        .agg(pl.col("question").last(), times=pl.len(), best_score=pl.col("best_score").last())
    )


def _is_poor(good_score: float | None) -> pl.Expr:
    return pl.lit(False) if good_score is None else pl.col("best_score").fill_null(float("-inf")) < good_score


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
