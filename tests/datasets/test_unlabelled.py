"""Training questions without answers: read, registered, and refused where gold answers are wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\na"}\n')
    add_corpus(tmp_path / "home", "c", tmp_path / "corpus.jsonl")
    return tmp_path / "home"


def split(file: Path, *rows: dict[str, object]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_questions_alone_are_enough_and_need_no_test_file(home: Path, tmp_path: Path) -> None:
    train = split(tmp_path / "train.jsonl", {"question": "Who?"}, {"question": "When?", "answer": "never read"})
    added = add_benchmark(home, "b", task="open_qa", corpus="c", train=train, answers="none")
    assert (added.train_questions, added.test_questions) == (2, 0)
    assert added.file.read_text().splitlines() == [
        "task: open_qa",
        "metric: accuracy",
        "corpus: c",
        f"train: {train}",
        "answers: none",
        "overlap: refuse",
    ]
    registry = Registry.load(home)
    assert registry.splits("b").train.rows() == [("train_1", "Who?", [], "none"), ("train_2", "When?", [], "none")]
    assert registry.splits("b").train.head(1).height == 1
    assert registry.splits("b").test.is_empty()
    with pytest.raises(InputError, match="--scorer judge"):
        registry.benchmark("b").require_answers()


def test_test_questions_need_answers_all_the_same_and_are_kept_apart(home: Path, tmp_path: Path) -> None:
    train = split(tmp_path / "train.jsonl", {"question": "Who?"}, {"question": "When?"})
    asked = {"task": "open_qa", "corpus": "c", "train": train}
    bare = split(tmp_path / "bare.jsonl", {"question": "Where?"})
    with pytest.raises(InputError, match="golden_answers"):
        add_benchmark(home, "b", **asked, test=bare, answers="none")  # type: ignore[arg-type]
    shared = split(tmp_path / "shared.jsonl", {"question": "who?", "answer": "x"})
    with pytest.raises(InputError, match="is a test question too"):
        add_benchmark(home, "b", **asked, test=shared, answers="none")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="golden_answers"):
        add_benchmark(home, "b", **asked)  # type: ignore[arg-type]
    assert not list(home.glob("benchmarks/*"))
    add_benchmark(home, "b", **asked, test=shared, answers="none", overlap="drop")  # type: ignore[arg-type]
    registry = Registry.load(home)
    assert registry.splits("b").train["question"].to_list() == ["When?"]
    assert registry.splits("b").test["golden_answers"].to_list() == [["x"]]


def test_a_registry_file_says_given_or_none(home: Path, tmp_path: Path) -> None:
    (home / "benchmarks").mkdir()
    (home / "benchmarks" / "b.yaml").write_text("task: open_qa\ncorpus: c\ntrain: t.jsonl\nanswers: some\n")
    with pytest.raises(InputError, match="one of given, none"):
        Registry.load(home)
