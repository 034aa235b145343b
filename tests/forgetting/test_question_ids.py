"""Ids of questions belong to a benchmark and a split: what only shares the number of a forgotten question stays."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.forgetting.conftest import Trained, Written
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.table_files import write_parquet


def numbered_alike(trained: Trained) -> dict[str, str]:
    """Give training question 0 and test question 11, of another town, one id in every table; gives their wordings."""
    for file in sorted(trained.settings.home.rglob("*.parquet")):
        frame = pl.read_parquet(file)
        if "question_id" in frame.columns:
            renamed = pl.col("question_id").replace({"train_0": "1", "test_11": "1"})
            frame = frame.with_columns(renamed)
        if "question_ids" in frame.columns:
            frame = frame.with_columns(pl.col("question_ids").list.eval(pl.element().replace({"train_0": "1"})))
        if {"question_id", "question_ids"} & set(frame.columns):
            write_parquet(frame, file)
    questions = trained.table("questions").filter(pl.col("question_id") == "1")
    return dict(questions.select("split", "question").iter_rows())


def test_a_training_question_goes_and_the_test_question_of_its_number_stays(trained: Trained) -> None:
    asked = numbered_alike(trained)
    tested = trained.table("evaluation").filter(question_id="1").to_dicts()
    units = trained.table("knowledge_units").filter(question_id="1")["unit_id"].to_list()
    assert tested and units and set(asked) == {"train", "test"}
    with pytest.raises(InputError, match=r"'1' is .* in .* and .* .say which with --split train or test"):
        forget(trained.settings, "question", ["1"])
    certificate = forget(trained.settings, "question", ["1"], split="train")
    assert trained.holds(asked["train"], *units) == []
    assert trained.table("evaluation").filter(question_id="1").select("question", "score_without").to_dicts() == [
        {name: tested[0][name] for name in ("question", "score_without")}
    ]
    assert trained.holds(asked["test"])
    assert certificate.questions == ({"benchmark": "towns", "split": "train", "question_id": "1"},)
    assert [unit["unit_id"] for unit in certificate.units] == sorted(set(units))


def test_a_test_question_goes_and_the_units_of_its_number_stay(trained: Trained) -> None:
    asked = numbered_alike(trained)
    units, curated = trained.table("knowledge_units"), trained.table("curated_units")
    scores = trained.table("utility_scores")
    certificate = forget(trained.settings, "question", ["1"], split="test")
    assert trained.holds(asked["test"]) == []
    assert trained.table("knowledge_units").equals(units) and trained.table("utility_scores").equals(scores)
    assert trained.table("curated_units")["question_ids"].to_list() == curated["question_ids"].to_list()
    assert not certificate.units and "  question towns:test:1" in certificate.lines()


def of_two_benchmarks(written: Written, questions: tuple[str, str]) -> None:
    written.corpus("c", [{"id": "1", "text": "Ada wrote the first program."}])
    for name, question in zip(("a", "b"), questions, strict=True):
        written.benchmark(name, "c", [{"id": "1", "question": question, "answer": "Ada"}])
        row: dict[str, Any] = dict.fromkeys(tables.KNOWLEDGE_UNITS.schema)
        row |= {"unit_id": f"u_{name * 16}", "question_id": "1", "question": question, "title": "t"}
        row |= {"text": f"Ada wrote programs, says {name}.", "benchmark": name, "source_passage_ids": ["1"]}
        row |= {"source_hashes": ["0" * 64], "labels": []}
        frame = pl.DataFrame([row], schema=tables.KNOWLEDGE_UNITS.schema)
        tables.KNOWLEDGE_UNITS.store(frame, written.settings, name)


def test_a_unit_of_another_benchmark_stays_where_only_the_number_is_the_same(written: Written) -> None:
    of_two_benchmarks(written, ("Who wrote the first program?", "Whose mother taught her numbers?"))
    with pytest.raises(InputError, match=r"the question '1' is in a, b .say which with --benchmark"):
        forget(written.settings, "question", ["1"])
    certificate = forget(written.settings, "question", ["1"], benchmark="a")
    assert [unit["unit_id"] for unit in certificate.units] == ["u_" + "a" * 16]
    assert tables.KNOWLEDGE_UNITS.load(written.settings, "a").is_empty()
    assert tables.KNOWLEDGE_UNITS.load(written.settings, "b").height == 1
    assert tables.QUESTIONS.load(written.settings, "b").height == 1


def test_what_goes_of_another_benchmark_that_asks_the_same_is_named(written: Written) -> None:
    of_two_benchmarks(written, ("Who wrote the first program?", "who wrote the first program"))
    certificate = forget(written.settings, "question", ["1"], benchmark="a")
    assert [unit["unit_id"] for unit in certificate.units] == ["u_" + "a" * 16, "u_" + "b" * 16]
    assert [question["benchmark"] for question in certificate.questions] == ["a", "b"]
    assert tables.KNOWLEDGE_UNITS.load(written.settings, "b").is_empty()


def test_a_split_is_of_questions_alone(written: Written) -> None:
    for arguments in (["passage", "1", "--split", "train"], ["question", "1", "--split", "dev"]):
        done = CliRunner().invoke(app, ["forget", *arguments])
        assert isinstance(done.exception, InputError) and "is no split of questions" in str(done.exception)
