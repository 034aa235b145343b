"""wbrag add log: the entry that it writes, adding again, status, and forgetting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.adding_log import AddedLog, add_log
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import Tombstones, add_tombstones, question_hashes
from wbrag_pipeline.errors import InputError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\na"}\n')
    add_corpus(tmp_path / "home", "c", tmp_path / "corpus.jsonl")
    monkeypatch.setenv("WBRAG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def rows(count: int, first: int = 0) -> str:
    made: list[dict[str, Any]] = [
        {
            "question": f"What is number {number}?",
            "answer": f"it is {number}",
            "time": f"2026-03-{1 + number // 24:02}T{number % 24:02}:00:00Z",
            "session": f"s{number}",
            **({"correction": str(number)} if number % 2 else {"feedback": "up"}),
        }
        for number in range(first, first + count)
    ]
    return "".join(json.dumps(row) + "\n" for row in made)


def added(home: Path, file: Path, **more: Any) -> AddedLog:
    return add_log(home, "support", file, corpus="c", **more)


def test_the_entry_names_the_users_file_which_is_read_again_with_more_rows(home: Path) -> None:
    file = home.parent / "log.jsonl"
    file.write_text(rows(30))
    made = added(home, file)
    assert made.file.read_text().splitlines() == [
        "task: open_qa",
        "metric: f1",
        "corpus: c",
        f"train: {file}",
        f"test: {file}",
        "log: jsonl",
    ]
    before = Registry.load(home).splits("support")
    assert (before.train.filter(label="weak").height, before.test.height) == (12, 3)
    file.write_text(rows(60))
    again = added(home, file)
    after = Registry.load(home).splits("support")
    assert again.counts.questions == 60 and after.test.height == 6
    assert set(before.train["question_id"]) < set(after.train["question_id"])
    assert not set(after.train["question_id"]) & set(after.test["question_id"])


def test_a_log_without_enough_corrections_has_no_test_and_all_of_it_trains(home: Path) -> None:
    file = home.parent / "log.jsonl"
    file.write_text(rows(8))
    added(home, file)
    entry = Registry.load(home).benchmark("support")
    assert entry.test is None and Registry.load(home).splits("support").train.height == 8


def test_another_log_does_not_take_the_name(home: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (home.parent / name).write_text(rows(8))
    added(home, home.parent / "a.jsonl")
    with pytest.raises(InputError, match="is taken"):
        added(home, home.parent / "b.jsonl")
    assert added(home, home.parent / "b.jsonl", replace=True).counts.questions == 8


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("log: smoke\n", "one of jsonl, csv, langfuse"),
        ("log: jsonl\nup_from: many\n", "no number"),
        ("log: jsonl\nup_from: nan\n", "no number"),
        ("log: jsonl\ntest: other.jsonl\n", "parted"),
        ("log: jsonl\npersonal: perhaps\n", "leave out, keep"),
        ("personal: keep\n", "of a log alone"),
    ],
)
def test_a_registry_file_that_says_something_else_is_refused(home: Path, lines: str, message: str) -> None:
    (home / "benchmarks").mkdir()
    (home / "benchmarks" / "b.yaml").write_text(f"task: open_qa\ncorpus: c\ntrain: log.jsonl\n{lines}")
    with pytest.raises(InputError, match=message):
        Registry.load(home)


def test_nothing_changes_where_nothing_could_train(home: Path) -> None:
    file = home.parent / "log.jsonl"
    file.write_text('{"question": "a?", "answer": "x", "feedback": "down"}\n')
    with pytest.raises(InputError, match="could train"):
        added(home, file)
    with pytest.raises(InputError, match="no format"):
        added(home, file, format="smoke")
    assert not list(home.glob("benchmarks/*"))


def test_a_forgotten_question_is_read_no_more_and_status_says_so(home: Path) -> None:
    file = home.parent / "log.jsonl"
    file.write_text(rows(30))
    added(home, file)
    (hashes,) = question_hashes(Registry.load(home).splits("support").train["question"][:1])
    add_tombstones(home, Tombstones(questions=hashes))
    counts = Registry.load(home).splits("support").log
    assert counts is not None and (counts.questions, counts.forgotten) == (29, 1)
    told = CliRunner().invoke(app, ["status"]).output
    assert "support: log: 30 answers to 29 questions" in told and "1 questions that were forgotten" in told


def test_the_command_says_what_it_found_and_writes_what_to_look_into(home: Path) -> None:
    file, bad = home.parent / "log.jsonl", home.parent / "bad.jsonl"
    file.write_text(rows(12) + '{"question": "a?", "answer": "x", "feedback": "down", "comment": "old"}\n')
    asked = ["add", "log", "support", str(file), "--corpus", "c", "--look-into", str(bad)]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    assert "6 corrected (gold), 6 thumbs up (weak), 1 thumbs down" in told.output
    assert "1 answers to look into" in told.output and json.loads(bad.read_text())["comment"] == "old"
    file.write_text('{"question": "a?", "rating": 4}\n')
    told = CliRunner().invoke(app, asked)
    assert isinstance(told.exception, InputError) and "line 1, field 'rating'" in str(told.exception)
