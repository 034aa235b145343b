"""Figures of recorded queries worked out by hand, and the rule that says when training again is worth it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.usage.rows import numbered, recorded
from wbrag_pipeline.usage.question_drift import QuestionDrift
from wbrag_pipeline.usage.sample_figures import UsageFigures, different_questions, sample_figures


def figures(rows: pl.DataFrame, similarities: list[float] | None = None, **change: Any) -> UsageFigures:
    questions = different_questions(rows)
    given = {} if similarities is None else {"drift": QuestionDrift(np.array(similarities, dtype=np.float32), 0.5)}
    known: dict[str, Any] = {"release": "r000001", "unit_ids": pl.Series(["u_1", "u_2", "u_3"])}
    more: dict[str, Any] = {"good_score": 0.4, "test_share": 0.5, "drift": None, **given, **change}
    return sample_figures(rows, questions=questions, **known, **more)


def test_every_figure_of_a_small_sample() -> None:
    rows = pl.concat(
        [
            recorded("a?", units=1, passages=["writeback:u_1", "corpus:1"], best_score=0.9),
            recorded("A", units=1, passages=["writeback:u_1"], best_score=0.3),  # the same question again
            recorded("b?", best_score=0.6, release="r000000", units=1, passages=["writeback:u_2"]),  # of another
            recorded("c?", found=0, passages=[], best_score=None),
            recorded("", best_score=0.8),  # whose text was left out
        ]
    )
    found = figures(rows, [0.9, 0.4, 0.45])
    assert (found.queries, found.served, found.with_units) == (5, 4, 2)
    assert found.once == (3, 1) and found.left_out == {"personal": 1}
    assert (found.units, found.never) == (3, ["u_2", "u_3"])
    assert found.without_hit == 2  # the second time of a, and c, which found nothing
    assert (found.questions, found.far) == (3, 2)
    shown = found.shown.select("question", "times", "no_hit", "far").rows()
    assert shown[0] == ("A", 2, True, False) and set(shown[1:]) == {("b?", 1, False, True), ("c?", 1, True, True)}
    told = dict(found.lines())
    assert told["… with a unit in the top K"] == "2 (50.0%); of the test questions 50.0%"
    assert told["units that no query retrieved"] == "2 of 3"
    assert told["queries without a good hit"] == "2 (40.0%), under 0.400"
    assert told["questions far from all that trained"] == "2 of 3 (66.7%; 10% is usual)"
    assert "too little is recorded" in told["training again"]


def test_nothing_recorded_is_told_as_it_is() -> None:
    found = figures(recorded())
    assert (found.queries, found.served, found.far, found.without_hit) == (0, 0, 0, 0)
    assert found.never == ["u_1", "u_2", "u_3"] and found.shown.is_empty() and found.reasons_to_train == []
    assert dict(found.lines())["queries recorded"] == "0"


def test_before_training_there_is_nothing_to_compare_with() -> None:
    found = figures(recorded("a?"), good_score=None, test_share=None)
    assert found.without_hit == 0 and found.far_border is None and "too little" in found.verdict


@pytest.mark.parametrize(
    ("far", "of", "worth"),
    [
        (40, 200, False),  # 20 % are seen, which does not show that there are more
        (51, 200, True),
        (49, 199, False),  # too few questions
        (230, 1000, True),  # the more questions, the less it takes
        (100, 1000, False),
    ],
)
def test_training_again_is_worth_it_when_the_questions_have_moved(far: int, of: int, worth: bool) -> None:
    rows = recorded(*numbered(of), units=1, passages=["writeback:u_1"])
    found = figures(rows, [0.1] * far + [0.9] * (of - far))
    assert bool(found.reasons_to_train) is worth, found.verdict
    assert ("the questions have moved" in found.verdict) is worth


@pytest.mark.parametrize(
    ("with_units", "of", "test_share", "worth"),
    [
        (30, 200, 0.5, True),  # 15 % at most 20 %, half of 50 % is 25 %
        (45, 200, 0.5, False),  # 22.5 % may be 27 %
        (0, 199, 0.5, False),
        (0, 200, 0.0, False),  # nor were any found by test questions
        (0, 200, None, False),
    ],
)
def test_training_again_is_worth_it_when_units_are_found_less(
    with_units: int, of: int, test_share: float | None, worth: bool
) -> None:
    found_one = recorded(*numbered(with_units), units=1, passages=["writeback:u_1"])
    found = figures(
        pl.concat([found_one, recorded(*numbered(of - with_units, with_units))]), [0.9] * of, test_share=test_share
    )
    assert bool(found.reasons_to_train) is worth and ("units are found less" in found.verdict) is worth


def test_a_probe_that_asks_the_same_all_day_is_one_question() -> None:
    rows = pl.concat([recorded(*["alive?"] * 5000), recorded(*numbered(250), units=1, passages=["writeback:u_1"])])
    found = figures(rows, [0.0] + [0.9] * 250)
    assert found.once == (251, 250) and found.far == 1 and found.reasons_to_train == []
    assert found.verdict == "training again is not worth it yet"
