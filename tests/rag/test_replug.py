"""RePlug's weights, and that the generator is given them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rag.scripted_generators import passage
from tests.scripted import Scripted
from wbrag_pipeline.datasets.tasks import OPEN_QA, Task
from wbrag_pipeline.generation.generator import Answer, Passage
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.replug import RePlug, weights

scores = st.lists(st.floats(-50, 50), min_size=1, max_size=8)
temperatures = st.floats(0.01, 100)


class Mixing(Scripted):
    """Remembers the weights."""

    def __init__(self) -> None:
        super().__init__(lambda question, ids: f"{question} by {','.join(ids)}")
        self.weights: list[list[float]] = []
        self.given: list[list[Passage]] = []

    def answer_ensemble(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        weights: Sequence[Sequence[float]],
        task: Task,
    ) -> list[Answer]:
        self.weights += [list(row) for row in weights]
        self.given += [list(row) for row in passages]
        return super().answer_ensemble(questions, passages, weights, task)


def test_weights_by_hand() -> None:
    # e^(ln 3) : e^0 = 3 : 1, and at half the temperature 9 : 1.
    assert weights([math.log(3), 0.0]) == pytest.approx([0.75, 0.25], abs=1e-15)
    assert weights([math.log(3), 0.0], 0.5) == pytest.approx([0.9, 0.1], abs=1e-15)
    assert weights([]) == []
    assert weights([0.7]) == [1.0]
    assert weights([1000.0, -1000.0]) == [1.0, 0.0]


@given(scores, temperatures)
def test_weights_sum_to_one_and_follow_the_scores(row: list[float], temperature: float) -> None:
    shares = weights(row, temperature)
    assert math.fsum(shares) == pytest.approx(1.0, abs=1e-12)
    assert all(share >= 0.0 for share in shares)
    assert all(shares[i] <= shares[j] for i in range(len(row)) for j in range(len(row)) if row[i] <= row[j])


@given(scores, temperatures, st.randoms(use_true_random=False))
def test_weights_do_not_depend_on_the_order(row: list[float], temperature: float, random) -> None:  # type: ignore[no-untyped-def]
    order = random.sample(range(len(row)), len(row))
    shares = weights(row, temperature)
    assert weights([row[i] for i in order], temperature) == [shares[i] for i in order]


def test_the_generator_mixes_with_these_weights() -> None:
    rows = [[passage("a", math.log(3)), passage("b", 0.0)], [passage("c", 0.4)], []]
    generator = Mixing()
    answers = RePlug().answer(generator, ["x", "y", "z"], rows, OPEN_QA)
    assert [answer.text for answer in answers] == ["x by a,b", "y by c", "z by "]
    assert generator.weights == [pytest.approx([0.75, 0.25]), [1.0], []]
    one_by_one = [RePlug().answer(Mixing(), [q], [row], OPEN_QA)[0] for q, row in zip("xyz", rows, strict=True)]
    assert one_by_one == answers


def test_a_unit_knows_its_sources_unless_each_counts() -> None:
    unit = Passage("u_1", "", "a", 0.5, sources=("a",))
    for method, expected in ((RePlug(), ("a",)), (RePlug(once=False), ())):
        generator = Mixing()
        method.answer(generator, ["x"], [[passage("a", 0.5), unit]], OPEN_QA)
        assert [p.sources for p in generator.given[0]] == [(), expected]
        assert generator.weights == [[0.5, 0.5]]


def test_with_one_passage_it_is_naive() -> None:
    row = [[passage("a", 0.3)]]
    assert RePlug().answer(Mixing(), ["x"], row, OPEN_QA) == NaiveRag().answer(Mixing(), ["x"], row, OPEN_QA)
