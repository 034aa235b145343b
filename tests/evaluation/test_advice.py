"""Advice before training: its signs by hand, its borders, and what it says where it does not know."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.evaluation.advice import (
    Borders,
    Point,
    advice_lines,
    borders_of,
    keep_points,
    left_out,
    outlook,
    points_of,
    shipped_points,
)
from wbrag_pipeline.evaluation.signs import EarlySigns, signs_of
from wbrag_pipeline.tables import SPLIT


def point(name: str, returns: float, low: float, missed: float | None = 0.3) -> Point:
    return Point(name, "reader", "naive", returns, missed, low + 0.5, low, low + 1)


def read(*rows: tuple[int, int, str, str]) -> pl.DataFrame:
    """Rows of query, rank, title and text, each passage by the name of its text."""
    frame = pl.DataFrame(rows, schema={"query": pl.Int32, "rank": pl.Int32, "title": pl.String, "text": pl.String},
                         orient="row")  # fmt: skip
    return frame.with_columns(passage_id=pl.col("text"))


LATER = pl.DataFrame(
    [("1", "?", ["Bo Lee"]), ("2", "?", ["red"]), ("3", "?", ["blue"]), ("4", "?", ["x"])],
    schema=SPLIT.schema,
    orient="row",
)


def test_the_signs_by_hand() -> None:
    training = read((0, 1, "Skerry", "s"), (0, 2, "Other", "o"), (1, 1, "", "untitled"))
    later = read(
        # Missed in the top 2, which hold its words in two passages; found deeper down.
        (0, 1, "Skerry", "Bo was there"), (0, 2, "Z", "the Lee"), (0, 3, "Z", "it was Bo Lee"),
        (1, 1, "Other", "it is red"),  # no training question's best page
        (2, 1, "", "untitled"), (2, 2, "Z", "green"),  # returns by its id, missed for good
    )  # fmt: skip
    signs = signs_of(LATER, training, later, pl.Series([0.9, 0.7, 0.1, None]), 2, answers=True)
    assert (signs.training, signs.later) == (2, 4)
    assert signs.returns == 0.5 and signs.alike == 0.5 and signs.likeness == pytest.approx(0.4)
    assert (signs.missed, signs.deeper, signs.spread, signs.reachable) == (0.75, 0.25, 0.25, 0.5)


def test_labels_have_no_answers_to_find() -> None:
    signs = signs_of(LATER, read(), read(), pl.Series([None] * 4, dtype=pl.Float64), 2, answers=False)
    assert (signs.missed, signs.deeper, signs.spread, signs.reachable) == (None,) * 4
    assert signs.returns == 0.0 and signs.likeness == -1.0


def test_borders_lie_between_what_paid_and_what_did_not() -> None:
    points = [point("a", 0.9, 0.2), point("b", 0.8, 0.1), point("c", 0.2, -1.0), point("d", 0.5, -0.5, missed=0.02)]
    assert borders_of(points) == Borders(0.2, 0.8)  # d had nothing to gain, so it says nothing of returning
    said = [outlook(share, 0.3, borders_of(points)) for share in (0.1, 0.2, 0.5, 0.8, 1.0)]
    assert said == ["unlikely", "unlikely", "open", "likely", "likely"]
    assert outlook(1.0, 0.02, borders_of(points)) == "unlikely" and outlook(1.0, None, borders_of(points)) == "likely"


def test_a_gain_that_few_questions_leave_open_moves_no_border() -> None:
    unclear = point("x", 0.5, 0.0)
    assert unclear.pays is None and point("y", 0.5, -0.1).pays is False and point("z", 0.5, 0.01).pays
    points = [point("a", 0.9, 0.2), point("c", 0.2, -1.0)]
    assert borders_of([*points, unclear]) == borders_of(points)
    assert [truth for _, _, truth in left_out([*points, unclear])][-1] is None


def test_where_the_kinds_overlap_the_rule_does_not_know() -> None:
    borders = borders_of([point("a", 0.3, 0.2), point("b", 0.9, 0.2), point("c", 0.6, -1.0), point("d", 0.1, -1.0)])
    assert borders == Borders(0.1, 0.9)
    assert borders_of([]) == Borders(-math.inf, math.inf)
    assert {outlook(share, None, borders_of([])) for share in (0.0, 0.5, 1.0)} == {"open"}


ROWS = st.tuples(st.floats(0, 1), st.sampled_from([-1.0, 0.0, 0.5]), st.sampled_from([None, 0.02, 0.5]))


@given(st.lists(ROWS, max_size=7))
def test_of_its_own_points_the_rule_is_never_wrong_where_it_speaks(
    rows: list[tuple[float, float, float | None]],
) -> None:
    points = [point(str(n), *row) for n, row in enumerate(rows)]
    borders = borders_of(points)
    for one in points:
        said = outlook(one.returns, one.missed, borders)
        assert not one.has_room or one.pays is None or said == "open" or (said == "likely") == one.pays


def test_each_point_is_judged_by_the_others() -> None:
    judged = left_out([point("a", 0.9, 0.2), point("b", 0.8, 0.1), point("c", 0.2, -1.0), point("d", 0.1, -1.0)])
    assert [(p.benchmark, said, truth) for p, said, truth in judged] == [
        ("a", "likely", True), ("b", "open", None), ("c", "open", None), ("d", "unlikely", True),
    ]  # fmt: skip


def test_the_shipped_points_and_a_home_of_ones_own(tmp_path: Path) -> None:
    shipped = shipped_points()
    assert {"squad", "fever", "zsre", "nq", "boolq", "hotpotqa"} <= {one.benchmark for one in shipped}
    assert not any(truth is False for _, _, truth in left_out(shipped))
    file = tmp_path / "experiments" / "calibration.json"
    assert points_of(file) == shipped
    keep_points(file, shipped[:2])
    assert points_of(file) == shipped[:2]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"benchmark": "x"}]', '{"a": ', "[null]"])
def test_a_damaged_calibration_is_named_with_what_makes_it_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    with pytest.raises(IntegrityError, match="wbrag advise --calibrate"):
        points_of(tmp_path / "c.json")


def test_it_says_how_often_it_was_right_and_that_few_questions_say_little() -> None:
    text = "\n".join(advice_lines("log", EarlySigns(300, 40, 0.8, 0.9, 0.95, 0.3, 0.1, 0.02, 0.28), shipped_points()))
    assert "likely to pay" in text and "few questions" in text and "left out in turn" in text
    unknown = "\n".join(advice_lines("log", EarlySigns(300, 400, 0.8, 0.9, 0.3), shipped_points()))
    assert "no measured benchmark is near" in unknown and "labels or not known" in unknown and "few" not in unknown


def test_hybrid_search_is_named_where_vectors_alone_miss_answers() -> None:
    misses = EarlySigns(300, 400, 0.8, 0.9, 0.95, 0.3, 0.1, 0.02, 0.28)
    assert "--search hybrid first" in "\n".join(advice_lines("log", misses, shipped_points()))
    finds, unknown = replace(misses, missed=0.05), EarlySigns(300, 400, 0.8, 0.9, 0.3)
    for signs, search in ((finds, "dense"), (unknown, "dense"), (misses, "hybrid"), (misses, "bm25")):
        assert "--search" not in "\n".join(advice_lines("log", signs, shipped_points(), search))
