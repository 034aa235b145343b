"""Kinds of labels on the hand-worked compass: what trains, and that no test question does."""

from __future__ import annotations

import polars as pl
import pytest

from tests.evaluation.experiments.conftest import TEST, TRAIN, World, write_split
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.evaluate import ANSWERED
from wbrag_pipeline.evaluation.experiments import labels
from wbrag_pipeline.evaluation.experiments.conduct import Study, cells, conduct
from wbrag_pipeline.evaluation.experiments.label_kinds import KIND_MEANINGS, pool_of, with_thumbs
from wbrag_pipeline.evaluation.experiments.results import LABELS, Results
from wbrag_pipeline.tables import GOLD, QUESTIONS, SYNTHETIC, WEAK


def asked(train: int) -> pl.DataFrame:
    rows = [("train", f"q{n}", f"the question {n}", ["right"], GOLD) for n in range(train)]
    rows += [("validation", "v", "another", ["x"], GOLD), ("test", "t", "a test", ["x"], GOLD)]
    return pl.DataFrame(rows, schema=QUESTIONS.schema, orient="row")


def served(*rows: tuple[str, str | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame([(*row, []) for row in rows], schema=ANSWERED.schema, orient="row")


def test_a_thumb_goes_up_for_right_answers_and_the_answer_trains_in_the_place_of_the_gold_one() -> None:
    answers = served(("q0", "right", 1.0), ("q1", "wrong", 0.0), ("q2", "", 0.0), ("q3", None, None))
    logged = with_thumbs(asked(4), answers, wrong=0.0)
    train = logged.filter(split="train")
    assert train.select("question_id", "golden_answers", "label").rows() == [("q0", ["right"], WEAK)]
    assert logged.filter(pl.col("split") != "train").equals(asked(4).filter(pl.col("split") != "train"))
    # All thumbs the other way round: an answer that was not given cannot get one.
    wrong = with_thumbs(asked(4), answers, wrong=1.0).filter(split="train")
    assert wrong.select("question_id", "golden_answers").rows() == [("q1", ["wrong"])]


def test_a_share_of_the_thumbs_is_wrong_and_always_the_same_ones() -> None:
    answers = served(*((f"q{n}", "told", float(n % 2)) for n in range(400)))
    trained = set(with_thumbs(asked(400), answers, wrong=0.1).filter(split="train")["question_id"])
    mistaken = {name for name in trained if int(name[1:]) % 2 == 0}
    assert 8 <= len(mistaken) <= 36 and 164 <= len(trained - mistaken) <= 192
    fewer = set(with_thumbs(asked(100), answers, wrong=0.1).filter(split="train")["question_id"])
    assert fewer == {name for name in trained if int(name[1:]) < 100}


@pytest.mark.parametrize("kind", KIND_MEANINGS)
def test_no_test_question_trains_whatever_the_labels_are(world: World, kind: str) -> None:
    if kind == "judge":
        world.generator.judge = lambda questions, *_: [1.0] * len(questions)  # type: ignore[attr-defined]
    bench = world.open()
    pool = pool_of(bench, world.trial, kind)
    one = pool.drawn(bench, 1, 0)
    assert bench.questions(one, "train").height <= 1
    trained = bench.questions(pool.drawn(bench, pool.there, 0), "train")
    assert not set(trained["question"]) & set(TEST) and trained.height
    assert bench.questions(one, "test").equals(bench.questions(world.trial, "test"))
    row = labels.curve_point(bench, world.trial, pool.there, 2, kind)
    assert (row["kind"], row["labels"], row["draws"]) == (kind, pool.there, 1)
    assert row["score_without"] == labels.curve_point(bench, world.trial, len(TRAIN), 1)["score_without"]
    LABELS.check(pl.DataFrame([row], schema=LABELS.schema))


def test_synthetic_questions_are_not_those_of_the_benchmark(world: World, tmp_path: object) -> None:
    bench = world.open()
    pool = pool_of(bench, world.trial, "synthetic")
    train = pool.questions.filter(split="train")
    assert set(train["label"]) == {SYNTHETIC} and not set(train["question"]) & {*TRAIN, *TEST}
    assert len(world.generator.written) == len(TRAIN)  # as many passages as there are training questions


def test_a_written_question_that_is_a_test_question_too_does_not_train(world: World) -> None:
    before = pool_of(world.open(), world.trial, "synthetic").questions.filter(split="train")
    shared = before["question"][0]
    write_split(world.settings.home.parent / "test.jsonl", [*TEST, shared])
    after = pool_of(world.open(), world.trial, "synthetic").questions
    assert after.filter(split="train").height == before.height - 1
    assert after.filter(question=shared)["split"].to_list() == ["test"]


def test_a_study_of_two_kinds_is_stored_with_what_each_gave(world: World) -> None:
    kinds = ("gold", "synthetic")
    study = Study(
        world.settings, ("compass",), ("scripted",), ("naive",), label_kinds=kinds, label_numbers=(1,), draws=2
    )
    said: list[str] = []
    conduct(list(cells(world.open(), study, ("labels",))), said.append)
    found = Results(world.settings, "scripted").read(LABELS, ["compass"])
    there = pool_of(world.open(), world.trial, "synthetic").there
    assert found.filter(kind="gold")["labels"].to_list() == [1, len(TRAIN)]
    assert found.filter(kind="synthetic")["labels"].to_list() == [*([1] if there > 1 else []), there]
    assert any(f"synthetic: {there} questions" in line for line in said)


def test_synthetic_labels_need_a_generator_that_writes_and_answers_that_passages_state(world: World) -> None:
    bench = world.open()
    with pytest.raises(InputError, match="cannot write"):
        pool_of(bench, world.trial.with_(generator="reader"), "synthetic")
