"""Whole subjects are drawn: by title, in an order that no answer has a part in, and only they."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

from tests.evaluation.experiments.conftest import World
from wbrag_pipeline.datasets.question_files import read_questions
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments.subject_sample import SubjectSample, draw_subjects, write_sample
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.tables import LABELLED

# Of the corpus: passages at 0, 30, 60 and 90 degrees, titled T a to T d. A question is an angle.
SUBJECT_OF = {"1": "T a", "3": "T a", "31": "T b", "33": "T b", "62": "T c", "88": "T d"}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def asked(*angles: str, label: str = "gold") -> pl.DataFrame:
    rows = [(f"{label}_{angle}", angle, ["yes"], label) for angle in angles]
    return pl.DataFrame(rows, schema=LABELLED.schema, orient="row")


@pytest.fixture
def base(world: World) -> KnowledgeBase:
    return world.open().context(world.trial).open_corpus()


TRAIN = asked("2", "4", "29", "32", "34", "58", "61", "89")
TEST = asked(*SUBJECT_OF)


def test_subjects_come_in_the_order_of_their_hash_and_all_their_questions_with_them(base: KnowledgeBase) -> None:
    order = sorted(set(SUBJECT_OF.values()), key=sha)
    for wanted in (1, 3, 5):
        drawn = draw_subjects(TRAIN, TEST, base, train_limit=99, test_limit=wanted)
        counts = [sum(title == subject for title in SUBJECT_OF.values()) for subject in drawn.subjects]
        assert drawn.subjects == order[: len(drawn.subjects)]
        assert sum(counts) >= wanted > sum(counts[:-1])
        assert drawn.test.height == wanted  # of the last subject some may be too many
        nearest = {angle: "T " + "abcd"[round(float(angle) / 30)] for angle in TRAIN["question"]}
        assert set(drawn.train["question"]) == {a for a, title in nearest.items() if title in drawn.subjects}


def test_the_order_of_the_rows_changes_nothing(base: KnowledgeBase) -> None:
    one = draw_subjects(TRAIN, TEST, base, train_limit=3, test_limit=3)
    other = draw_subjects(TRAIN.reverse(), TEST.reverse(), base, train_limit=3, test_limit=3)
    assert one.subjects == other.subjects
    assert one.train.sort("question_id").equals(other.train.sort("question_id"))
    assert one.test.sort("question_id").equals(other.test.sort("question_id"))


def test_only_gold_answers_are_drawn(base: KnowledgeBase) -> None:
    mixed = pl.concat([TRAIN, asked("5", "28", "59", label="weak"), asked("6", "90", label="none")])
    drawn = draw_subjects(mixed, TEST, base, train_limit=99, test_limit=99)
    assert set(drawn.train["question_id"]) == set(TRAIN["question_id"])


def test_subjects_without_a_training_question_are_an_error(base: KnowledgeBase) -> None:
    with pytest.raises(InputError, match="no training question is about one of the 1 subjects"):
        draw_subjects(asked("89"), asked("1"), base, train_limit=9, test_limit=9)


def test_the_files_are_read_as_any_question_files_and_nothing_is_overwritten(tmp_path: Path) -> None:
    splits = [split.drop("label") for split in (TRAIN, TEST)]
    sample = SubjectSample(*splits, subjects=["T a"])
    write_sample(sample, tmp_path / "new")
    for name, split in zip(("train", "test"), splits, strict=True):
        assert read_questions(tmp_path / "new" / f"{name}.jsonl", OPEN_QA).select(split.columns).equals(split)
    with pytest.raises(InputError, match="is there already"):
        write_sample(sample, tmp_path / "new")
