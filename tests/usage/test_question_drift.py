"""The drift of questions, by angles on a circle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.usage.question_drift import FEWEST_TRAINING, at_least, at_most, question_drift


def compass(*degrees: float, length: float = 1.0) -> np.ndarray:
    angles = np.radians(np.array(degrees, dtype=np.float64))
    return (length * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


# Nineteen questions one degree apart, and one that is ten degrees from the last of them.
TRAINING = compass(*range(19), 28)


def test_a_question_is_far_that_is_less_near_than_nine_in_ten_training_questions_are_to_each_other() -> None:
    # Nearest others: 1 degree for 19 of 20, 10 degrees for one. A tenth of 20 is 2, so the border is 1 degree.
    found = question_drift(compass(9.5, -0.9, -1.5, 23, 180), TRAINING)
    assert found is not None
    assert found.border == pytest.approx(math.cos(math.radians(1)), abs=1e-6)
    assert found.is_far.tolist() == [False, False, True, True, True] and found.far == 3
    assert found.similarities.tolist() == pytest.approx(np.cos(np.radians([0.5, 0.9, 1.5, 5, 152])).tolist(), abs=1e-5)


def test_the_length_of_vectors_does_not_count() -> None:
    one = question_drift(compass(1, 50), TRAINING)
    other = question_drift(compass(1, 50, length=7), 3 * TRAINING)
    assert one is not None and other is not None
    assert other.similarities == pytest.approx(one.similarities, abs=1e-6) and other.is_far.tolist() == [False, True]


def test_few_training_questions_say_nothing() -> None:
    assert question_drift(compass(1), TRAINING[: FEWEST_TRAINING - 1]) is None


def test_more_questions_than_fit_one_block_are_compared_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = compass(*range(0, 360, 7))
    whole = question_drift(asked, TRAINING)
    monkeypatch.setattr("wbrag_pipeline.usage.question_drift._BLOCK", 3)
    parts = question_drift(asked, TRAINING)
    assert whole is not None and parts is not None and parts.border == whole.border
    assert parts.similarities == pytest.approx(whole.similarities)


@given(seed=st.integers(0, 10_000), count=st.integers(20, 300))
def test_at_most_a_tenth_of_the_training_questions_is_far_from_the_others(seed: int, count: int) -> None:
    """What the border says of the questions that it was taken from."""
    training = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    found = question_drift(training, training)  # each is its own nearest, so none is far
    assert found is not None and found.far == 0
    unit = training / np.linalg.norm(training, axis=1, keepdims=True)
    others = unit @ unit.T
    np.fill_diagonal(others, -np.inf)
    assert (others.max(axis=1) < found.border - 1e-6).mean() <= 0.1


@given(part=st.integers(0, 500), more=st.integers(0, 500))
def test_the_interval_holds_the_share_and_narrows(part: int, more: int) -> None:
    whole = part + more
    low, high = at_least(part, whole), at_most(part, whole)
    assert 0 <= low <= high <= 1
    if whole:
        assert low - 1e-9 <= part / whole <= high + 1e-9
        assert at_least(10 * part, 10 * whole) >= low - 1e-9 and at_most(10 * part, 10 * whole) <= high + 1e-9


def test_the_interval_is_wilsons() -> None:
    # Worked out by hand: 30 of 100, z = 1.64485.
    assert at_least(30, 100) == pytest.approx(0.2307, abs=1e-4) and at_most(30, 100) == pytest.approx(0.3798, abs=1e-4)
    assert (at_least(0, 0), at_most(0, 0)) == (0, 1)
