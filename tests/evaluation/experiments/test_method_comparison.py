"""Methods beside each other, question by question, and means with their intervals: by hand and against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.evaluation.experiments.method_comparison import mean_interval, methods_compared
from wbrag_pipeline.evaluation.experiments.result_sections import methods_table, sentence
from wbrag_pipeline.evaluation.experiments.results import MATRIX
from wbrag_pipeline.evaluation.statistics import bootstrap_interval


def row(benchmark: str, method: str, without: list[float], with_: list[float], **more: Any) -> dict[str, Any]:
    gain = 100 * float(np.mean(with_) - np.mean(without))
    who = {"generator": "reader", "encoder": "e", "benchmark": benchmark, "method": method, "seed": 0, "data": "d"}
    return who | {"scores_without": without, "scores_with": with_, "gain": gain, "ci_low": 0.0, "ci_high": 1.0} | more


def matrix(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=MATRIX.schema)


NAIVE = row("nq", "naive", [0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0])
MINE = row("nq", "mine", [1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0])


def test_a_method_of_ones_own_is_compared_with_naive_question_by_question() -> None:
    for rows in ((NAIVE, MINE), (MINE, NAIVE)):  # whichever was tried first
        alone, with_units = methods_compared(matrix(*rows)).to_dicts()
        assert (alone["method"], alone["against"], alone["knowledge"]) == ("mine", "naive", "corpus alone")
        assert (alone["score_against"], alone["score"], alone["difference"]) == (50.0, 75.0, 25.0)
        assert (alone["better"], alone["worse"], alone["p"]) == (2, 1, 1.0)
        assert (with_units["difference"], with_units["better"], with_units["worse"]) == (0.0, 1, 1)
        expected = bootstrap_interval(np.array([1.0, 1.0, 0.0, -1.0]))
        assert (alone["ci_low"], alone["ci_high"]) == (100 * expected[0], 100 * expected[1])
    assert methods_compared(matrix(NAIVE)).is_empty() and not methods_table(matrix(NAIVE)).tables
    assert (
        "| nq | reader | mine | naive | corpus alone | 75.00 | +25.00 |"
        in methods_table(matrix(NAIVE, MINE)).as_markdown()
    )


def test_over_several_benchmarks_there_is_a_mean_with_an_interval() -> None:
    other = [row("squad", method, [0.0, 0.0], [value] * 2) for method, value in (("naive", 0.0), ("mine", 1.0))]
    compared = methods_compared(matrix(NAIVE, MINE, *other)).filter(knowledge="with write-back").to_dicts()
    assert [line["benchmark"] for line in compared] == ["nq", "squad", "mean"]
    mean = compared[-1]
    assert mean["difference"] == 50.0 and mean["ci_low"] <= 50.0 <= mean["ci_high"] and mean["p"] is None


def test_rows_over_other_data_or_without_single_scores_are_not_compared() -> None:
    assert methods_compared(matrix(NAIVE, MINE | {"data": "other"})).is_empty()
    assert methods_compared(matrix(NAIVE, MINE | {"scores_with": None})).is_empty()
    assert mean_interval(matrix(NAIVE, MINE | {"scores_with": None})) is None
    assert "interval leaves out" in sentence(matrix(NAIVE | {"scores_with": None}))


def test_the_mean_gain_has_its_interval() -> None:
    low, high = mean_interval(matrix(NAIVE)) or (0.0, 0.0)
    expected = bootstrap_interval(np.array([1.0, 0.0, 0.0, 0.0]))
    assert (low, high) == (100 * expected[0], 100 * expected[1])
    assert f"the mean gain is +25.00 points (95 % interval 0.00 to +{high:.2f}, over" in sentence(matrix(NAIVE))


scores = st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 4), min_size=1, max_size=8)


@given(st.lists(scores, min_size=1, max_size=3))
def test_the_order_of_rows_changes_no_figure(benchmarks: list[list[tuple[float, ...]]]) -> None:
    rows = []
    for number, told in enumerate(benchmarks):
        a, b, c, d = (list(column) for column in zip(*told, strict=True))
        rows += [row(f"b{number}", "naive", a, b), row(f"b{number}", "mine", c, d)]
    forward, backward = (matrix(*several) for several in (rows, [*rows[1::2], *rows[0::2]]))
    assert methods_compared(forward).equals(methods_compared(backward))
    assert mean_interval(forward) == pytest.approx(mean_interval(backward))
    compared = methods_compared(forward)
    assert ((compared["ci_low"] <= compared["difference"] + 1e-9) | (compared["benchmark"] == "mean")).all()
