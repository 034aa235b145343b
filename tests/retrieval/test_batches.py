from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.retrieval.encoding.batches import Batch, plan_batches

LONGEST = 100  # no multiple of the bucket: the model's limit cuts the last bucket short
lengths = st.lists(st.integers(1, LONGEST), max_size=200)


def plan(lengths: list[int], budget: int = 64) -> list[Batch]:
    return list(plan_batches(lengths, token_budget=budget, longest=LONGEST))


def test_a_plan_worked_by_hand() -> None:
    # Widths 16, 48, 16, 16, 100: four rows of 16 fit into 64 tokens, one of 48, and one of 100 is taken whole.
    assert plan([3, 40, 16, 1, 99]) == [Batch((4,), 1, 100), Batch((1,), 1, 48), Batch((0, 2, 3), 4, 16)]


def test_no_texts_make_no_batches() -> None:
    assert plan([]) == []


@given(lengths, st.integers(1, 400))
def test_each_text_is_in_one_batch_that_holds_it(lengths: list[int], budget: int) -> None:
    batches = plan(lengths, budget)
    assert sorted(member for batch in batches for member in batch.members) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch.members) <= batch.rows
        assert batch.rows == 1 or batch.rows * batch.width <= budget
        assert all(
            batch.width - 16 < lengths[member] <= batch.width or batch.width == LONGEST for member in batch.members
        )


@given(lengths, lengths)
def test_a_text_meets_one_shape_whatever_the_company(some: list[int], others: list[int]) -> None:
    def shapes(batches: list[Batch]) -> dict[int, tuple[int, int]]:
        return {member: (batch.rows, batch.width) for batch in batches for member in batch.members}

    alone, together = shapes(plan(some)), shapes(plan(some + others))
    assert all(together[member] == alone[member] for member in range(len(some)))
