"""Training and test from a log: a test question is later than all that trains, and nobody who trained asked it.

A random split would test on what people asked beside the training questions, in the same minute and the same talk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

TEST_SHARE = 0.2  # of the questions with a correction
LEAST_CORRECTED = 10  # with fewer questions none is spared for testing


@dataclass(frozen=True)
class TimeSplit:
    """Rows that train, and rows of test questions. left_out: how many rows are neither, by the reason.

    until: the time of the last row that may train; None where there is no test part.
    """

    train: pl.DataFrame
    test: pl.DataFrame
    left_out: dict[str, int]
    until: datetime | None


def split_by_time(rows: pl.DataFrame, share: float = TEST_SHARE) -> TimeSplit:
    """Part the rows of a log.

    rows: ``told`` (String, the same for repetitions of a question), ``asked_at``, ``session`` and ``correction`` of
    LOGGED; other columns stay. share: of the questions with a correction, how many are wanted as test questions.

    A test question has a correction, was asked after every row that trains and never before, and shares no session
    with one. Other rows of that later time, and rows of unknown time, do neither. There is no test part where fewer
    than LEAST_CORRECTED questions have a correction and a time.
    """
    began = (
        rows.group_by("told")
        .agg(pl.col("asked_at").min(), dated=pl.col("asked_at").is_not_null().all(), gold=_corrected().any())
        .filter(pl.col("gold") & pl.col("dated"))["asked_at"]
        .sort()
    )
    wanted = int(began.len() * share)
    if began.len() < LEAST_CORRECTED or not wanted:
        return TimeSplit(rows, rows.clear(), {}, None)
    until: datetime = began[began.len() - wanted - 1]
    early, undated = pl.col("asked_at") <= until, pl.col("asked_at").is_null()
    train = rows.filter(early)
    late = rows.filter(~early)
    known = late.join(train.select("told").unique(), on="told", how="anti")
    fresh = known.filter(_corrected().any().over("told") & ~undated.any().over("told"))
    sessions = train["session"].drop_nulls().unique().implode()
    apart = fresh.filter(~pl.col("session").is_in(sessions).fill_null(False).any().over("told"))
    left_out = {
        "without a time": rows.filter(undated).height,
        "in a session that trains": fresh.height - apart.height,
        "later than training": late.filter(~undated).height - fresh.filter(~undated).height,
    }
    return TimeSplit(train, apart, {reason: count for reason, count in left_out.items() if count}, until)


def _corrected() -> pl.Expr:
    return pl.col("correction") != ""
