"""The figures against cases worked by hand, known distributions, and what must hold for any scores."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation import statistics
from wbrag_pipeline.evaluation.statistics import (
    bootstrap_interval,
    changed_questions,
    construction_figures,
    rank_profile,
    sign_flip_p,
    summarise,
)

Evaluate = Callable[..., pl.DataFrame]
# Scores as metrics give them: ratios of small counts.
SCORE = st.sampled_from([0.0, 0.25, 1 / 3, 0.4, 0.5, 2 / 3, 0.8, 1.0])
PAIRS = st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=40)


def test_summary_by_hand(evaluate: Evaluate) -> None:
    s = summarise(evaluate([(0.0, 1.0), (1.0, 1.0), (1.0, 0.5), (0.0, 0.0)], units=[2, 0, 1, 0]))
    assert (s.questions, s.helped, s.hurt, s.unchanged) == (4, 1, 1, 2)
    assert (s.score_without, s.score_with, s.gain) == (50.0, 62.5, 12.5)
    assert (s.units_in_top_k, s.unit_share) == (0.75, 0.5)
    # Signs of 1 and 0.5: sums ±1.5 and ±0.5, all at least 0.5 from zero.
    assert s.p == 1.0
    assert s.ci_low < s.gain < s.ci_high
    assert not s.significant


def test_identical_runs_have_no_gain_and_no_width(evaluate: Evaluate) -> None:
    s = summarise(evaluate([(0.3, 0.3), (1.0, 1.0), (0.0, 0.0)]))
    assert (s.gain, s.ci_low, s.ci_high, s.p, s.helped, s.hurt) == (0.0, 0.0, 0.0, 1.0, 0, 0)
    assert math.copysign(1.0, s.ci_low) == 1.0


def test_same_gain_everywhere_has_no_width(evaluate: Evaluate) -> None:
    s = summarise(evaluate([(0.0, 1.0)] * 6))
    assert (s.gain, s.ci_low, s.ci_high) == (100.0, 100.0, 100.0)
    assert s.significant


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1.0] * 6, 2 / 2**6),  # only all heads and all tails are as far out
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),  # |sum| >= 2: all but the 6 ties of 16
        ([1.0, 0.5], 2 / 4),  # sums are ±1.5 and ±0.5; the observed 1.5 is reached by two of four
        ([0.6 - 0.4, 0.1 - 0.3], 1.0),  # 0.2 and -0.2, whatever binary fractions make of them
        ([0.0, 0.0], 1.0),
    ],
)
def test_p_by_hand(differences: list[float], expected: float) -> None:
    assert sign_flip_p(np.array(differences)) == pytest.approx(expected, abs=1e-12)


def test_p_is_exact_for_an_accuracy_of_any_size() -> None:
    # 40 helped, 22 hurt, 9,000 unchanged: the two-sided sign test with 62 throws.
    expected = 2 * sum(math.comb(62, k) for k in range(40, 63)) / 2**62
    differences = np.array([1.0] * 40 + [-1.0] * 22 + [0.0] * 9000)
    assert sign_flip_p(differences) == pytest.approx(expected, rel=1e-9)


def test_drawn_p_agrees_with_the_exact_one() -> None:
    differences = np.array([0.5] * 9 + [-0.5] * 3 + [0.25] * 6 + [-0.25] * 2)
    exact = sign_flip_p(differences, resamples=20_000)
    assert (12 + 1) * (8 + 1) > 50  # so that 50 resamples force drawing
    drawn = np.mean([sign_flip_p(differences, resamples=50, seed=seed) for seed in range(200)])
    assert drawn == pytest.approx(exact, abs=0.03)
    assert sign_flip_p(np.linspace(0.5, 1, 30), resamples=100) == 1 / 101  # never 0


def test_interval_is_that_of_the_normal_approximation() -> None:
    # Mean 0.02, variance known: with 2,000 questions the bootstrap is the normal interval to a few per cent.
    differences = np.array([1.0] * 100 + [-1.0] * 60 + [0.0] * 1840)
    low, high = bootstrap_interval(differences)
    half = 1.96 * differences.std() / math.sqrt(len(differences))
    assert low == pytest.approx(0.02 - half, abs=0.05 * half)
    assert high == pytest.approx(0.02 + half, abs=0.05 * half)


@pytest.mark.parametrize("distinct", [True, False], ids=["indices", "multinomial"])
def test_interval_covers_the_true_mean_about_95_times_in_100(distinct: bool) -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        sample = rng.normal(0.1, 1.0, 120) if distinct else rng.choice([1.0, 0.0, -1.0], 120, p=[0.3, 0.5, 0.2])
        low, high = bootstrap_interval(sample, resamples=400)
        covered += low <= 0.1 <= high
    assert 180 <= covered <= 199


def test_blocks_bound_memory_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.round(np.random.default_rng(1).normal(size=400), 1)
    scattered = np.random.default_rng(1).normal(size=60)
    whole = [bootstrap_interval(d) for d in (differences, scattered)], sign_flip_p(differences)
    monkeypatch.setattr(statistics, "_BLOCK", 7_000)
    assert ([bootstrap_interval(d) for d in (differences, scattered)], sign_flip_p(differences)) == whole


def test_nothing_to_summarise_is_an_error() -> None:
    with pytest.raises(InputError, match="no question"):
        summarise(tables.EVALUATION.empty())


@pytest.mark.parametrize("bad", [None, math.nan])
def test_a_missing_score_is_an_error(evaluate: Evaluate, bad: float | None) -> None:
    frame = evaluate([(0.0, 1.0), (1.0, 1.0)])
    frame = frame.with_columns(pl.Series("score_with", [1.0, bad], dtype=pl.Float64))
    with pytest.raises(InputError, match="score is missing"):
        summarise(frame)


@settings(max_examples=30, deadline=None)
@given(pairs=PAIRS, seed=st.integers(0, 3))
def test_properties_of_a_summary(evaluate: Evaluate, pairs: list[tuple[float, float]], seed: int) -> None:
    frame = evaluate(pairs)
    s = summarise(frame, seed=seed, resamples=200)
    assert s == summarise(frame, seed=seed, resamples=200)
    assert s == summarise(frame.reverse(), seed=seed, resamples=200)  # the order of rows says nothing
    assert s.helped + s.hurt + s.unchanged == s.questions == len(pairs)
    assert s.gain == pytest.approx(s.score_with - s.score_without, abs=1e-9)
    assert -100 <= s.ci_low <= s.ci_high <= 100
    assert 0 < s.p <= 1
    assert 0 <= s.score_without <= 100
    mirrored = summarise(evaluate([(b, a) for a, b in pairs]), seed=seed, resamples=200)
    assert mirrored.gain == pytest.approx(-s.gain)
    assert (mirrored.helped, mirrored.hurt) == (s.hurt, s.helped)


def test_changed_questions_name_the_passages_that_did_it(evaluate: Evaluate) -> None:
    frame = evaluate([(1.0, 0.0), (0.0, 0.0), (0.0, 0.5), (0.0, 1.0)], units=[1, 3, 0, 2])
    changed = changed_questions(frame)
    assert changed["question_id"].to_list() == ["q0003", "q0002", "q0000"]  # helped, largest first, then hurt
    assert changed["change"].to_list() == ["helped", "helped", "hurt"]
    assert changed["difference"].to_list() == [1.0, 0.5, -1.0]
    assert changed["gained"].to_list() == [["writeback:u_3_0", "writeback:u_3_1"], [], ["writeback:u_0_0"]]
    assert changed["lost"].to_list() == [["corpus:33", "corpus:34"], [], ["corpus:04"]]
    assert changed_questions(tables.EVALUATION.empty()).columns == changed.columns


def _gated(rows: list[tuple[str, int, bool, bool]]) -> pl.DataFrame:
    return tables.GATED_DOCS.check(
        rows_of(
            tables.GATED_DOCS,
            [
                {"question_id": q, "question": "?", "rank": rank, "passage_id": f"p{rank}", "score": 0.5}
                | {"standalone_score": 1.0, "score_no_retrieval": 0.0, "score_rag": 1.0}
                | {"retained": retained, "fallback": fallback}
                for q, rank, retained, fallback in rows
            ],
        )
    )


def test_construction_by_hand() -> None:
    utility = rows_of(
        tables.UTILITY_SCORES,
        [
            {"question_id": f"q{i}", "question": "?", "score_rag": 1.0, "label": "synthetic" if i == 7 else "gold"}
            for i in range(8)
        ],
    )
    gated = _gated([("q0", 1, True, False), ("q0", 2, False, False), ("q1", 1, True, True), ("q1", 2, True, True)])
    units = rows_of(
        tables.KNOWLEDGE_UNITS,
        [
            {"unit_id": "u_1", "source_tokens": 100, "unit_tokens": 40, "written_by": "extractive_fallback"},
            {"unit_id": "u_2", "source_tokens": 300, "unit_tokens": 60},
        ],
    )
    assert construction_figures(utility, gated, units) == {
        "questions": 8.0,
        "kept": 2.0,
        "weak_questions": 0.0,
        "weak_taught": 0.0,
        "synthetic_questions": 1.0,
        "synthetic_taught": 0.0,
        "rescued": 0.0,
        "kept_share": 0.25,
        "fallback_rate": 0.5,
        "retained_passages": 1.5,
        "units": 2.0,
        "source_tokens": 200.0,
        "unit_tokens": 50.0,
        "compression": 4.0,
        "extractive_share": 0.5,
    }
    assert rank_profile(gated).rows() == [(1, 2, 2, 1.0), (2, 2, 1, 0.5)]
    # A rescued question has ranks below the top K alone: it counts for the units, not for the gate.
    rescued = _gated([("q2", 9, True, False), ("q2", 12, True, False)]).with_columns(gate=pl.lit("rescue"))
    more = pl.concat([gated, rescued])
    figures = construction_figures(utility, more, units)
    assert (figures["kept"], figures["rescued"], figures["kept_share"], figures["fallback_rate"]) == (2, 1, 0.25, 0.5)
    assert figures["retained_passages"] == pytest.approx(5 / 3)
    assert rank_profile(more).equals(rank_profile(gated))


def test_construction_of_nothing_is_zero() -> None:
    empty = construction_figures(
        tables.UTILITY_SCORES.empty(), tables.GATED_DOCS.empty(), tables.KNOWLEDGE_UNITS.empty()
    )
    assert set(empty.values()) == {0.0}
    assert rank_profile(tables.GATED_DOCS.empty()).is_empty()
