"""Scores without gold answers."""

from __future__ import annotations

import polars as pl
import pytest

from tests.rag.scripted_generators import Judge, passage
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.judging import Judged, JudgingScorer
from wbrag_pipeline.training.scoring import score_passages, score_utility

NAMES = ["p1", "p2"]
# Unlabelled: the gold column is there, as its table wants, and empty.
QUESTIONS = pl.DataFrame(
    [(f"q{n}", f"question {n}", [], "none") for n in range(3)], schema=tables.LABELLED.schema, orient="row"
)
RETRIEVALS = pl.DataFrame(
    [(f"q{n}", f"question {n}", rank, name, 1 / rank) for n in range(3) for rank, name in enumerate(NAMES, 1)],
    schema=tables.RETRIEVALS.schema,
    orient="row",
)
PASSAGES = pl.DataFrame(
    [(name, "T", name, sha256_of_text("T", name), [], "T", None) for name in NAMES],
    schema=tables.PASSAGES.schema,
    orient="row",
)
MARKS: dict[str, float | None] = {"good": 0.9, "even": 0.5, "bad": 0.1, "odd": None}


def scorer(judge: Scripted) -> JudgingScorer:
    return JudgingScorer.over(RETRIEVALS, PASSAGES, judge, NaiveRag(), OPEN_QA)


def test_verdicts_become_scores_and_failures_stay_unknown() -> None:
    script = {"question 0": "good", "question 1": "odd", "question 2": None}
    judge = Judge(lambda question, ids: script[question], MARKS)
    used = scorer(judge)
    assert used.score(QUESTIONS, [[passage("p1")]] * 3) == (["good", "odd", None], [1.0, None, None])
    assert used.judged == Judged(asked=2, failed=1)


def test_the_threshold_is_strict_and_no_words_are_no_answer() -> None:
    judge = Judge(lambda question, ids: {"question 0": "even", "question 1": " ", "question 2": "bad"}[question], MARKS)
    assert scorer(judge).score(QUESTIONS, None)[1] == [0.0, 0.0, 0.0]
    assert all(answer.strip() for _, _, answer in judge.heard)


def test_every_answer_is_judged_by_the_same_evidence() -> None:
    judge = Judge(lambda question, ids: "good", MARKS)
    used = scorer(judge)
    used.score(QUESTIONS[:1], None)
    used.score(QUESTIONS[:1], [[passage("p2")]])
    assert judge.heard == [("question 0", ("p1", "p2"), "good")] * 2


def test_the_gates_run_on_unlabelled_questions() -> None:
    def script(question: str, ids: tuple[str, ...]) -> str | None:
        # Question 0 is helped by p2 alone, question 1 needs no help, question 2 cannot be judged.
        return {
            "question 0": "good" if "p2" in ids else "bad",
            "question 1": "good",
            "question 2": "odd" if ids else "bad",
        }[question]

    used = scorer(Judge(script, MARKS))
    utility = score_utility(QUESTIONS, RETRIEVALS, PASSAGES, used)  # type: ignore[arg-type]
    assert utility["score_no_retrieval"].to_list() == [0.0, 1.0, 0.0]
    assert utility["score_rag"].to_list() == [1.0, None, None]
    kept = utility_gate(utility, Gates()).filter("kept")
    questions = QUESTIONS.join(kept, on="question_id", how="semi")
    gated = document_gate(kept, score_passages(questions, RETRIEVALS, PASSAGES, used), Gates())  # type: ignore[arg-type]
    assert gated.select("question_id", "passage_id", "retained", "fallback").rows() == [
        ("q0", "p1", False, False),
        ("q0", "p2", True, False),
    ]


def test_a_generator_that_cannot_judge_is_refused() -> None:
    with pytest.raises(InputError, match="field 'scorer': scripted cannot judge"):
        scorer(Scripted(lambda question, ids: ""))
