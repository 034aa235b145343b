"""The judge's gate decisions beside the gold ones, on cases small enough to count by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.evaluation.agreement import Agreement, study_judge
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext


class Lenient(Scripted):
    """Believes whatever it said from a passage, but for question q2, and cannot judge q3."""

    def judge(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], answers: Sequence[str], task: Task
    ) -> list[float | None]:
        return [
            None if q == "q3" else 0.1 if q == "q2" or a == "none" else 0.9
            for q, a in zip(questions, answers, strict=True)
        ]


def test_kappa_is_cohens() -> None:
    # Cohen's own form: 20 yes-yes, 15 no-no, 5 and 10 apart: po 0.7, pe 0.5.
    assert Agreement(20, 5, 10, 15).kappa == pytest.approx(0.4)
    assert Agreement(20, 5, 10, 15).share == pytest.approx(0.7)
    assert (
        Agreement(0, 0, 0, 9).kappa is None
        and Agreement(9, 0, 0, 0).kappa is None
        and Agreement(0, 0, 0, 0).kappa is None
    )
    assert Agreement(5, 0, 0, 5).kappa == 1.0 and Agreement(0, 5, 5, 0).kappa == -1.0
    assert Agreement(0, 0, 3, 6).kappa == 0.0


def no_engine(*_: object) -> Any:
    raise AssertionError("nothing is searched here")


def test_both_gates_are_counted_and_what_could_not_be_judged_is_left_out(tmp_path: Path) -> None:
    names = ["q0", "q1", "q2", "q3", "q4"]
    questions = pl.DataFrame([(q, q, ["right"], "gold") for q in names], schema=tables.LABELLED.schema, orient="row")
    hits = pl.DataFrame(
        [(q, q, rank, f"p{rank}", 1.0 - rank / 10) for q in names for rank in (1, 2)],
        schema=tables.RETRIEVALS.schema,
        orient="row",
    )
    texts = pl.DataFrame({"passage_id": ["p1", "p2"], "title": ["", ""], "text": ["a", "b"]})

    def script(question: str, ids: tuple[str, ...]) -> str:
        if not ids or question == "q4":
            return "none"
        # q1 is answered wrongly, and believed; q0's second passage alone gives a wrong answer, and is believed.
        return "wrong" if question == "q1" or (question == "q0" and ids == ("p2",)) else "right"

    benchmark = Benchmark("b", "open_qa", "exact_match", "c", Path("train"), None)
    context = StageContext(
        Settings(home=tmp_path), Registry({}, {}), benchmark, no_engine, lambda settings: Lenient(script), no_engine
    )
    asked = questions.with_columns(split=pl.lit("train")).select(list(tables.QUESTIONS.schema))
    study = study_judge(context, asked, hits, texts.lazy())
    assert study.questions == Agreement(both=1, gold_only=1, judge_only=1, neither=1, left_out=1)
    assert study.passages == Agreement(both=1, gold_only=0, judge_only=1, neither=0)
