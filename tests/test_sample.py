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

import numpy as np
import pytest

from wbrag_pipeline.cpu_arithmetic import VARIABLE
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.retrieval.encoding.embedding_store import embeddings_of
from wbrag_pipeline.retrieval.encoding.minilm_encoder import MiniLmEncoder
from wbrag_pipeline.retrieval.encoding.shipped_vectors import SAMPLE_VECTORS, take_shipped_vectors
from wbrag_pipeline.settings import DEFAULT_ENCODER

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
    sizes = {path: path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()}
    assert sizes.pop(SAMPLE_VECTORS) < 2_000_000
    assert sum(sizes.values()) < 1_500_000


def test_the_shipped_vectors_are_those_of_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passages = read_corpus(SAMPLE / "corpus.jsonl").select("content_hash", "title", "text")
    some = passages.sample(40, seed=1)
    monkeypatch.setenv(VARIABLE, "fp32")
    encoder = MiniLmEncoder(DEFAULT_ENCODER)
    fix = "run: python -m reader_training.make_sample --vectors"
    assert take_shipped_vectors(SAMPLE_VECTORS, tmp_path, encoder) == passages.height, fix
    with embeddings_of(passages, tmp_path, encoder) as stored:
        assert stored.encoded == 0, fix
    with embeddings_of(some, tmp_path, encoder) as stored:
        found = np.concatenate(list(stored))
    made = encoder.encode_passages(some["title"].to_list(), some["text"].to_list())
    assert np.linalg.norm(found - made, axis=1).max() < 4e-4, fix  # float16 has 11 significant bits


def test_the_shipped_vectors_are_only_taken_where_they_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "fp32")
    encoder = MiniLmEncoder(DEFAULT_ENCODER)
    assert take_shipped_vectors(SAMPLE_VECTORS, tmp_path / "a", encoder) > 0
    # What was forgotten since must not come back.
    assert take_shipped_vectors(SAMPLE_VECTORS, tmp_path / "a", encoder) == 0
    encoder.fingerprint = "another"
    assert take_shipped_vectors(SAMPLE_VECTORS, tmp_path / "b", encoder) == 0
    monkeypatch.setenv(VARIABLE, "bf16")
    assert take_shipped_vectors(SAMPLE_VECTORS, tmp_path / "c", MiniLmEncoder(DEFAULT_ENCODER)) == 0


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
