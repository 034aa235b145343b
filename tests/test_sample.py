"""The sample that `make demo` trains: well formed, honest between its splits, small, reproducible."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "wbrag_pipeline" / "sample"
NAMES = ["sample_nq", "sample_boolq", "sample_fever", "sample_zsre", "sample_hotpotqa", "sample_squad"]
LABELS = {"sample_boolq": {"True", "False"}, "sample_fever": {"SUPPORTS", "REFUTES", "NOT ENOUGH INFO"}}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def normal(text: str) -> str:
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, Any]]:
    return rows(SAMPLE / "corpus.jsonl")


@pytest.fixture(scope="module")
def splits() -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {(name, split): rows(SAMPLE / name / f"{split}.jsonl") for name in NAMES for split in ("train", "test")}


def test_the_corpus_has_the_flashrag_shape(corpus: list[dict[str, Any]]) -> None:
    assert 1_500 <= len(corpus) <= 2_500
    assert len({row["id"] for row in corpus}) == len(corpus)
    assert len({row["contents"] for row in corpus}) == len(corpus)
    for row in corpus:
        assert set(row) == {"id", "contents"}
        assert re.fullmatch(r'"[^"\n]+"\n[^\n]+', row["contents"])
        assert 15 <= len(row["contents"].split()) <= 150


@pytest.mark.parametrize("name", NAMES)
def test_questions_are_well_formed(splits: dict[tuple[str, str], list[dict[str, Any]]], name: str) -> None:
    train, test = splits[name, "train"], splits[name, "test"]
    assert 60 <= len(train) <= 120
    assert 40 <= len(test) <= 60
    for split, found in (("train", train), ("test", test)):
        assert [row["id"] for row in found] == [f"{split}_{i}" for i in range(len(found))]
        for row in found:
            assert set(row) == {"id", "question", "golden_answers", "metadata"}
            assert row["question"].strip() == row["question"] != ""
            assert row["golden_answers"] and all(answer.strip() for answer in row["golden_answers"])
            assert not re.search(r"[{}]", row["question"])
    assert Counter(row["metadata"]["seen"] for row in test).keys() == {"same", "near", "new"}


def test_no_question_is_asked_twice(splits: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    for name in NAMES:
        asked = [normal(row["question"]) for split in ("train", "test") for row in splits[name, split]]
        assert len(set(asked)) == len(asked), name


def test_no_passage_states_a_claim_word_for_word(
    corpus: list[dict[str, Any]], splits: dict[tuple[str, str], list[dict[str, Any]]]
) -> None:
    text = "\n".join(f" {normal(row['contents'])} " for row in corpus)
    for split in ("train", "test"):
        for row in splits["sample_fever", split]:
            assert f" {normal(row['question'])} " not in text


def test_answers_stand_in_some_passage(
    corpus: list[dict[str, Any]], splits: dict[tuple[str, str], list[dict[str, Any]]]
) -> None:
    text = "\n".join(f" {normal(row['contents'])} " for row in corpus)
    for (name, _), found in splits.items():
        if name in LABELS:
            continue
        for row in found:
            assert any(f" {normal(answer)} " in text for answer in row["golden_answers"]), row


@pytest.mark.parametrize("name", sorted(LABELS))
def test_labels_are_balanced(splits: dict[tuple[str, str], list[dict[str, Any]]], name: str) -> None:
    for split in ("train", "test"):
        counts = Counter(row["golden_answers"][0] for row in splits[name, split])
        assert counts.keys() == LABELS[name]
        assert max(counts.values()) <= 0.6 * counts.total()


def test_the_sample_is_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 1_500_000


def test_the_files_are_what_the_script_makes() -> None:
    files = maker().make_sample().files()
    on_disk = {str(path.relative_to(SAMPLE).as_posix()) for path in SAMPLE.rglob("*.jsonl")}
    assert set(files) == on_disk
    stale = [name for name, text in files.items() if (SAMPLE / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python reader_training/make_sample.py"


def maker() -> ModuleType:
    path = ROOT / "reader_training" / "make_sample.py"
    spec = importlib.util.spec_from_file_location("make_sample", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
