"""Both gates on hand-worked cases, and lazy scoring against the plain algorithm on random scores."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.scoring import Scorer, passages_of, score_passages, score_utility, unscored

DEFAULTS = Gates()


def scores(*rows: tuple[float | None, float | None]) -> pl.DataFrame:
    """UTILITY_SCORES of (no retrieval, RAG); a score that is missing was not asked where it could decide nothing."""
    made = []
    for i, (nr, rag) in enumerate(rows):
        statuses = ["scored" if value is not None else "failed" for value in (nr, rag)]
        if (nr, rag) in ((1.0, None), (None, 0.0)):
            statuses = [status.replace("failed", "not_asked") for status in statuses]
        made.append((f"q{i}", f"question {i}", "", nr, statuses[0], "", rag, statuses[1], "gold"))
    frame = pl.DataFrame(made, schema=tables.UTILITY_SCORES.schema, orient="row")
    return tables.UTILITY_SCORES.check(frame)


def test_what_was_not_asked_is_told_from_what_was_lost() -> None:
    frame = scores((1.0, None), (None, 0.0), (0.0, None), (None, 1.0), (None, None), (0.0, 1.0), (1.0, 0.0))
    assert unscored(frame)["question_id"].to_list() == ["q2", "q3", "q4"]


@pytest.mark.parametrize(
    ("no_retrieval", "rag", "kept"),
    [
        (0.0, 1.0, True),
        (1.0, 1.0, False),  # nothing gained
        (0.0, 0.1, False),  # tau_s is strict
        (0.0, 0.1000001, True),
        (0.5, 0.51, False),  # the gain is 0.01, and tau_delta is strict
        (0.5, 0.52, True),
        (0.9, 0.2, False),  # retrieval hurts
        (None, 1.0, False),  # not known is not kept
        (0.0, None, False),
    ],
)
def test_utility_gate_keeps_what_gains_and_scores(no_retrieval: float, rag: float, kept: bool) -> None:
    # 0.51 - 0.5 is a little more than 0.01 in binary, so the strict border is tested with exact quarters below.
    if (no_retrieval, rag) == (0.5, 0.51):
        frame = utility_gate(scores((0.5, 0.75)), Gates(tau_delta=0.25))
    else:
        frame = utility_gate(scores((no_retrieval, rag)), DEFAULTS)
    assert frame["kept"].to_list() == [kept]


def scored(question: str, *standalone: float | None) -> pl.DataFrame:
    """PASSAGE_SCORES of one question, by rank."""
    return pl.DataFrame(
        [
            (question, "why", rank, f"p{rank}", 1.0 / rank, value, "failed" if value is None else "scored")
            for rank, value in enumerate(standalone, 1)
        ],
        schema=tables.PASSAGE_SCORES.schema,
        orient="row",
    )


def retained(*standalone: float | None, no_retrieval: float = 0.0, gates: Gates = DEFAULTS) -> tuple[list[int], bool]:
    kept = utility_gate(scores((no_retrieval, 1.0)), gates).filter("kept")
    frame = document_gate(kept, scored("q0", *standalone), gates)
    return frame.filter("retained")["rank"].to_list(), frame["fallback"].any()


def test_document_gate_keeps_passages_that_help_alone() -> None:
    assert retained(0.0, 1.0, 0.0, 1.0, 0.0) == ([2, 4], False)


def test_document_gate_falls_back_to_the_first_by_rank() -> None:
    assert retained(0.0, 0.0, 0.0, 0.0, 0.0) == ([1, 2], True)
    assert retained(0.0, 0.0, 0.0, gates=Gates(n_min=3)) == ([1, 2, 3], True)


def test_document_gate_is_strict_and_relative_to_no_retrieval() -> None:
    assert retained(0.75, 0.5, 1.0, no_retrieval=0.5, gates=Gates(tau_doc=0.25)) == ([3], False)


def test_a_failed_standalone_call_does_not_pass() -> None:
    assert retained(None, 1.0) == ([2], False)
    assert retained(None, None, None) == ([1, 2], True)


def test_document_gate_leaves_out_questions_that_were_not_kept() -> None:
    kept = utility_gate(scores((0.0, 1.0), (1.0, 1.0)), DEFAULTS).filter("kept")
    frame = document_gate(kept, pl.concat([scored("q0", 1.0), scored("q1", 1.0)]), DEFAULTS)
    assert frame["question_id"].to_list() == ["q0"]


def test_no_question_kept_gives_an_empty_table() -> None:
    kept = utility_gate(scores((1.0, 1.0)), DEFAULTS).filter("kept")
    assert document_gate(kept, scored("q0", 1.0), DEFAULTS).is_empty()


@pytest.mark.parametrize("change", [{"tau_s": 1.5}, {"tau_doc": -0.1}, {"n_min": 0}])
def test_thresholds_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        Gates(**change)  # type: ignore[arg-type]


RIGHT, WRONG = "right", "wrong"
outcome = st.sampled_from([RIGHT, WRONG, f"{RIGHT} {WRONG}", None])


@st.composite
def worlds(
    draw: st.DrawFn,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, dict[tuple[str, tuple[str, ...]], str | None]]:
    """Random questions, retrievals and passages with a random answer to every call that could be made."""
    count, k = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    questions = pl.DataFrame(
        [(f"q{i}", f"question {i}", [RIGHT], "gold") for i in range(count)], schema=tables.LABELLED.schema, orient="row"
    )
    retrievals = pl.DataFrame(
        [(f"q{i}", f"question {i}", rank, f"p{i}{rank}", 1 / rank) for i in range(count) for rank in range(1, k + 1)],
        schema=tables.RETRIEVALS.schema,
        orient="row",
    )
    passages = pl.DataFrame(
        [(name, "T", name, sha256_of_text("T", name), [], "T", None) for name in retrievals["passage_id"]],
        schema=tables.PASSAGES.schema,
        orient="row",
    )
    answers: dict[tuple[str, tuple[str, ...]], str | None] = {}
    for i in range(count):
        names = tuple(f"p{i}{rank}" for rank in range(1, k + 1))
        for call in dict.fromkeys([(), names, *((name,) for name in names)]):
            answers[(f"question {i}", call)] = draw(outcome)
    return questions, retrievals, passages, answers


@given(
    world=worlds(),
    metric=st.sampled_from(["accuracy", "f1", "exact_match"]),
    tau_s=st.sampled_from([0.0, 0.1, 0.5, 0.8]),
    tau_delta=st.sampled_from([0.0, 0.01, 0.5]),
    tau_doc=st.sampled_from([0.0, 0.01, 0.5]),
    n_min=st.integers(1, 3),
)
@settings(max_examples=150, deadline=None)
def test_sparing_calls_changes_no_decision(world, metric, tau_s, tau_delta, tau_doc, n_min) -> None:  # type: ignore[no-untyped-def]
    questions, retrievals, passages, answers = world
    gates = Gates(tau_s=tau_s, tau_delta=tau_delta, tau_doc=tau_doc, n_min=n_min)

    def every_score(scorer: Scorer) -> pl.DataFrame:
        given = (None, passages_of(retrievals, passages, questions["question_id"].to_list()))
        columns = zip(("score_no_retrieval", "score_rag"), given, strict=True)
        return questions.with_columns(
            pl.Series(name, scorer.score(questions, found)[1], pl.Float64) for name, found in columns
        )

    def decide(*, plainly: bool) -> tuple[pl.DataFrame, int]:
        generator = Scripted(lambda question, ids: answers[(question, ids)])
        scorer = Scorer(generator, method_named("naive"), OPEN_QA, metric)
        scores = every_score(scorer) if plainly else score_utility(questions, retrievals, passages, scorer)
        kept = utility_gate(scores, gates).filter("kept")
        asked = generator.usage.calls
        return document_gate(
            kept,
            score_passages(questions.join(kept, on="question_id", how="semi"), retrievals, passages, scorer),
            gates,
        ), asked

    (lazy, lazy_calls), (plain, plain_calls) = decide(plainly=False), decide(plainly=True)
    # A spared score is null; the scores themselves are known for every kept question on both ways.
    assert lazy.equals(plain)
    assert lazy_calls <= plain_calls == 2 * questions.height
