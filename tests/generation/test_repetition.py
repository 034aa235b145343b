"""A completion that repeats itself is ended, by the same rule on every engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.generation.engine_protocol import Message, Request
from wbrag_pipeline.generation.writing.repetition import LONGEST, SHORTEST, TIMES, repeats_itself

runs = st.lists(st.integers(0, 50), min_size=SHORTEST, max_size=LONGEST)


@given(runs, st.lists(st.integers(0, 50), max_size=20))
def test_a_run_four_times_in_a_row_is_repetition_whatever_came_before(run: list[int], before: list[int]) -> None:
    assert repeats_itself(before + run * TIMES)


@given(st.lists(st.integers(), unique=True, max_size=300))
def test_what_has_no_token_twice_is_none(tokens: list[int]) -> None:
    assert not repeats_itself(tokens)


@pytest.mark.parametrize("number", ["1000000000", "33333333333", "9999"])
def test_a_number_of_equal_digits_is_none(number: str) -> None:
    assert not repeats_itself([ord(digit) for digit in number])


def test_a_run_three_times_is_none() -> None:
    assert not repeats_itself([7, 8, 9] * 3)


def test_what_was_asked_before_loops_were_ended_is_found_in_the_cache() -> None:
    asked = Request((Message("user", "Who?"),), 32)
    assert "end_loops" not in asked.sampling
    assert "end_loops" in Request((Message("user", "Who?"),), 32, end_loops=True).sampling
