"""Weak labels train and are counted; they never decide about a release, and questions without an answer wait."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.validation_split import LEAST_TRAINING, split_validation
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.stages import training_questions


def asked(label: str, count: int) -> pl.DataFrame:
    rows = [(f"{label}{n}", f"What is {label} {n}?", ["a"] if label != "none" else [], label) for n in range(count)]
    return pl.DataFrame(rows, schema=tables.LABELLED.schema, orient="row")


def test_only_gold_questions_validate() -> None:
    mixed = pl.concat([asked("gold", 2000), asked("weak", 2000), asked("none", 500)])
    train, validation = split_validation(mixed, 0.1)
    assert set(validation["label"]) == {"gold"} and 150 < validation.height < 250
    assert train.height + validation.height == mixed.height
    few = pl.concat([asked("gold", LEAST_TRAINING - 1), asked("weak", 2000)])
    assert split_validation(few, 0.1)[1].is_empty()


@pytest.mark.parametrize(("scorer", "labels"), [("gold", ["gold", "weak"]), ("judge", ["none"] * 3)])
def test_what_is_scored_by_what(tmp_path: Path, scorer: str, labels: list[str]) -> None:
    def no_engine(*_: object) -> None:
        raise AssertionError

    settings = Settings(home=tmp_path).with_(scorer=scorer)
    benchmark = Benchmark("b", "open_qa", "f1", "c", Path("log"), None, log="jsonl")
    context = StageContext(settings, Registry({}, {}), benchmark, no_engine, no_engine, no_engine)  # type: ignore[arg-type]
    questions = pl.concat([asked(label, 1) for label in ("gold", "weak", "none")]).with_columns(split=pl.lit("train"))
    assert training_questions(context, questions)["label"].to_list() == labels
    bare = questions.filter(label="none")
    if scorer == "gold":
        with pytest.raises(InputError, match="--scorer judge"):
            training_questions(context, bare)


def test_the_gates_pass_the_label_on() -> None:
    row = {"question_id": "q", "question": "?", "score_no_retrieval": 0.0, "score_rag": 1.0, "label": "weak"}
    kept = utility_gate(rows_of(tables.UTILITY_SCORES, [row]), Gates()).filter("kept")
    alone = {"question_id": "q", "question": "?", "rank": 1, "passage_id": "p", "score": 0.5, "standalone_score": 1.0}
    gated = document_gate(kept, rows_of(tables.PASSAGE_SCORES, [alone]), Gates())
    assert gated["label"].to_list() == ["weak"] and gated["retained"].all()
