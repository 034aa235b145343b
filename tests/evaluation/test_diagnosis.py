"""Results that a person should doubt are doubted, and what is in order is not."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.evaluation.diagnosis import Finding, diagnose_evaluation, diagnose_training
from wbrag_pipeline.evaluation.promotion import FEW_QUESTIONS


def questions(count: int = FEW_QUESTIONS, **more: list[str]) -> pl.DataFrame:
    """``count`` training questions; ``more`` are further ones with the question's wording and their answers."""
    rows = [("train", f"q{i}", f"Who built tower {i}?", [f"Builder {i}"], "gold") for i in range(count)]
    rows += [("train", name, "Who rang the bell?", answers, "gold") for name, answers in more.items()]
    return pl.DataFrame(rows, schema=tables.QUESTIONS.schema, orient="row")


def scores(*rows: tuple[float, str, float]) -> pl.DataFrame:
    """Rows of (score without retrieval, answer with it, score with it), repeated to be enough."""
    return rows_of(
        tables.UTILITY_SCORES,
        [(f"q{i}", "?", "", *rows[i % len(rows)][:1], *rows[i % len(rows)][1:]) for i in range(FEW_QUESTIONS)],
    )


def gated() -> pl.DataFrame:
    return rows_of(tables.GATED_DOCS, [("q0", "?", 1, "p", 0.9, 1.0, 0.0, 1.0, True, False)])


def curated(*states: str) -> pl.DataFrame:
    rows = [{"unit_id": f"u{i}", "state": state} for i, state in enumerate(states)]
    return rows_of(tables.CURATED_UNITS, rows)


def evaluation(
    count: int = FEW_QUESTIONS, answer: str = "Ann", score: float = 1.0, seen: str = "writeback:u", **other: Any
) -> pl.DataFrame:
    row = {"question": "?", "golden_answers": ["Ann"], "answer_without": answer, "answer_with": answer}
    row |= {"score_without": score, "score_with": score, "passages_without": ["corpus:1"], "passages_with": [seen]}
    return rows_of(tables.EVALUATION, [{"question_id": f"t{i}", **row, **other} for i in range(count)])


def said(findings: list[Finding]) -> str:
    return "\n".join(map(str, findings))


def test_a_result_in_order_gives_no_finding() -> None:
    assert diagnose_training(questions(), scores((0.0, "Ann", 1.0)), gated(), curated("published")) == []
    assert diagnose_evaluation(evaluation(), 0.5) == []
    assert diagnose_evaluation(evaluation(), None) == []


def test_three_training_and_few_test_questions_are_told() -> None:
    told = said(diagnose_training(questions(3), scores((0.0, "Ann", 1.0)), gated(), curated("published")))
    assert told.startswith("Only 3 training questions.")
    assert said(diagnose_evaluation(evaluation(FEW_QUESTIONS - 1), 1.0)).startswith("Only 29 test questions.")


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ((0.0, "A tall man built it.", 0.0), "golden_answers are written otherwise than the generator answers"),
        ((1.0, "Ann", 1.0), "the generator knows all answers without retrieval"),
        ((0.5, "Ann", 0.5), "retrieval changed no score by more than the thresholds"),
    ],
)
def test_no_question_that_passes_the_gates_has_its_cause(row: tuple[float, str, float], cause: str) -> None:
    (finding,) = diagnose_training(questions(), scores(row), gated().clear(), curated())
    assert finding.what.startswith("No training question passed the gates") and cause in finding.cause


def test_units_that_are_all_kept_out_are_told_with_what_became_of_them() -> None:
    (finding,) = diagnose_training(
        questions(), scores((0.0, "Ann", 1.0)), gated(), curated("rejected", "rejected", "flagged")
    )
    assert finding.what == "No knowledge unit was published (2 rejected, 1 flagged)"
    (finding,) = diagnose_training(questions(), scores((0.0, "Ann", 1.0)), gated(), curated())
    assert finding.what.startswith("No knowledge unit was made")


def test_units_that_the_model_could_not_write_are_told() -> None:
    rows = [{"unit_id": f"u{i}", "state": "published", "written_by": "extractive_fallback"} for i in range(3)]
    units = rows_of(tables.CURATED_UNITS, rows)
    (finding,) = diagnose_training(questions(), scores((0.0, "Ann", 1.0)), gated(), units)
    assert finding.what.startswith("Most units are sentences of their sources")


def test_the_same_question_with_answers_that_differ_is_told_by_id() -> None:
    asked = questions(a=["Ann"], b=["Bob"], c=["Cyd"])
    (finding,) = diagnose_training(asked, scores((0.0, "Ann", 1.0)), gated(), curated("published"))
    assert finding.what == "1 question is asked several times, with different answers (a, b, c)"
    agreed = questions(a=["Ann", "Annie"], b=["ann", "Anna"])
    assert diagnose_training(agreed, scores((0.0, "Ann", 1.0)), gated(), curated("published")) == []


def test_empty_answers_and_failed_calls_are_told_apart() -> None:
    empty = said(diagnose_training(questions(), scores((0.0, "", 0.0)), gated().clear(), curated()))
    assert "100% of the answers to training questions are empty" in empty
    assert "100% of the answers are empty" in said(diagnose_evaluation(evaluation(answer="", score=0.0), 1.0))
    failed = evaluation(answer="", score=0.0, status_with="failed", status_without="failed")
    told = said(diagnose_evaluation(failed, 1.0))
    assert "because calls failed" in told and "are empty" not in told


def test_a_table_of_zeros_is_told_with_the_likeliest_cause() -> None:
    wording = diagnose_evaluation(evaluation(answer="It was Ann.", score=0.0), 0.9)
    assert "worded otherwise than golden_answers" in said(wording)
    nowhere = said(diagnose_evaluation(evaluation(answer="Ben", score=0.0), 0.0))
    assert "No answer stands in any passage" in nowhere and "worded otherwise" not in nowhere


def test_one_answer_to_every_question_is_told_where_they_have_several() -> None:
    claims = evaluation(answer="NOT ENOUGH INFO", score=0.0)
    golds = [["SUPPORTS"], ["REFUTES"]]
    several = claims.with_columns(golden_answers=pl.Series([golds[i % 2] for i in range(claims.height)]))
    assert "Every test question is answered with 'NOT ENOUGH INFO'" in said(diagnose_evaluation(several, None))
    assert "Every test question" not in said(diagnose_evaluation(evaluation(), None))


def test_sentences_that_hold_the_answer_and_score_nothing_are_told() -> None:
    told = said(diagnose_evaluation(evaluation(answer="The bell was rung by Ann.", score=0.0), 0.5))
    assert "100% of the answers hold a right answer and score 0" in told and "reduce_answers" in told
    assert "hold a right answer" not in said(diagnose_evaluation(evaluation(answer="The bell was rung by Ann."), 0.5))


def test_units_that_no_question_is_shown_are_told() -> None:
    (finding,) = diagnose_evaluation(evaluation(seen="corpus:1"), 1.0)
    assert finding.what == "No test question was shown a knowledge unit"
