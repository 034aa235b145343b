"""Self-RAG by hand: both decisions, the weighted critique, ties, and calls that failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rag.scripted_generators import Critic, passage
from tests.scripted import Scripted
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Assessment
from wbrag_pipeline.rag.self_rag import SelfRag

P1, P2, P3 = passage("p1"), passage("p2"), passage("p3")
BLANK = Assessment(0.0, 0.0, 0.0)


def texts(method: SelfRag, critic: Critic, *rows: list) -> list[str | None]:  # type: ignore[type-arg]
    answers = method.answer(critic, [f"q{n}" for n in range(len(rows))], rows, OPEN_QA)
    return [None if answer.failed else answer.text for answer in answers]


def test_the_decision_really_decides() -> None:
    # q0 is at the threshold and does not retrieve, q1 is above it, q2 could not be had, q3 has nothing to read.
    critic = Critic({"p1": BLANK}, {"q0": 0.2, "q1": 0.2000001, "q2": None})
    assert texts(SelfRag(), critic, [P1], [P1], [P1], []) == ["from memory", "from p1", "from p1", "from memory"]
    assert critic.decided == ["q0", "q1", "q2"]
    assert critic.asked == [("q0", ()), ("q1", ("p1",)), ("q2", ("p1",)), ("q3", ())]
    assert critic.assessed == [("q1", "p1", "from p1"), ("q2", "p1", "from p1")]


def test_a_threshold_of_one_never_retrieves() -> None:
    assert texts(SelfRag(threshold=1.0), Critic({}), [P1]) == ["from memory"]


def test_the_best_weighted_score_wins() -> None:
    verdicts = {
        "p1": Assessment(1.0, 0.2, 1.0),  # 0.5 + 1.0 + 0.2 + 0.5 = 2.2
        "p2": Assessment(0.9, 0.9, 0.1),  # 0.5 + 0.9 + 0.9 + 0.05 = 2.35
        "p3": Assessment(0.1, 1.0, 1.0),  # 0.5 + 0.1 + 1.0 + 0.5 = 2.1
    }
    assert texts(SelfRag(), Critic(verdicts), [P1, P2, P3]) == ["from p2"]
    assert texts(SelfRag(useful=1.0), Critic(verdicts), [P1, P2, P3]) == ["from p1"]  # 2.7, 2.4, 2.6
    assert texts(SelfRag(relevant=0.0), Critic(verdicts), [P1, P2, P3]) == ["from p3"]  # 1.2, 1.45, 2.0
    sure = {"from p1": 0.9, "from p2": 0.5}
    assert texts(SelfRag(), Critic(verdicts, certainty=sure), [P1, P2]) == ["from p1"]  # 2.6, 2.35


def test_equal_scores_go_to_the_better_rank() -> None:
    same = Assessment(0.5, 0.5, 0.5)
    critic = Critic({"p1": same, "p2": same, "p3": same})
    assert texts(SelfRag(), critic, [P2, P1, P3], [P3, P1]) == ["from p2", "from p3"]


def test_what_failed_takes_no_part() -> None:
    verdicts = {
        "p1": Assessment(1, 1, 1),
        "p2": Assessment(0.1, 0.1, 0.1),
        "p3": Assessment(1, 1, 1, failed=True),
    }
    critic = Critic(verdicts, failing=frozenset({"p1"}))
    assert texts(SelfRag(), critic, [P1, P2, P3], [P1], [P3]) == ["from p2", None, None]
    assert ("q0", "p1", "") not in critic.assessed


def test_a_generator_that_cannot_decide_is_refused() -> None:
    with pytest.raises(InputError, match="scripted cannot say whether"):
        SelfRag().answer(Scripted(lambda question, ids: ""), ["q"], [[P1]], OPEN_QA)


share = st.sampled_from([0.0, 0.25, 0.5, 1.0])
rows = st.lists(st.lists(st.sampled_from([P1, P2, P3]), max_size=3, unique=True), max_size=4)


@given(
    rows=rows,
    verdicts=st.fixed_dictionaries(
        {name: st.builds(Assessment, share, share, share, st.booleans()) for name in ("p1", "p2", "p3")}
    ),
    decisions=st.lists(st.one_of(st.none(), share), min_size=4, max_size=4),
)
def test_a_batch_answers_as_one_by_one(rows, verdicts, decisions) -> None:  # type: ignore[no-untyped-def]
    decided = {f"q{n}": decision for n, decision in enumerate(decisions)}
    questions = [f"q{n}" for n in range(len(rows))]
    together = SelfRag().answer(Critic(verdicts, decided), questions, rows, OPEN_QA)
    alone = [
        SelfRag().answer(Critic(verdicts, decided), [q], [r], OPEN_QA)[0] for q, r in zip(questions, rows, strict=True)
    ]
    assert together == alone
