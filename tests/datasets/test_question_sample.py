"""A sample of a split: by the hash of the ids, whatever the order of the rows."""

from __future__ import annotations

import hashlib

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.hash_draws import drawn_questions

IDS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20, unique=True)


def split_of(ids: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"question_id": ids, "question": [f"{name}?" for name in ids]})


def test_those_first_by_sha256_are_drawn_and_keep_their_order() -> None:
    ids = [str(number) for number in range(50)]
    expected = set(sorted(ids, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:7])
    assert drawn_questions(split_of(ids), 7)["question_id"].to_list() == [name for name in ids if name in expected]


@given(IDS, st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_and_a_larger_sample_holds_the_smaller(ids, limit, random) -> None:  # type: ignore[no-untyped-def]
    drawn = drawn_questions(split_of(ids), limit)
    shuffled = random.sample(ids, len(ids))
    assert drawn.height == min(limit, len(ids))
    assert set(drawn["question_id"]) == set(drawn_questions(split_of(shuffled), limit)["question_id"])
    assert set(drawn["question_id"]) <= set(drawn_questions(split_of(ids), limit + 1)["question_id"])


def test_without_a_limit_all_are_taken() -> None:
    split = split_of(["b", "a"])
    assert drawn_questions(split, None).equals(split) and drawn_questions(split, 2).equals(split)
