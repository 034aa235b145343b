"""A home with releases made by hand, a real Postgres with pgvector, and collections that hold passages of others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.publishing.stores import LanceStore, PostgresStore, QdrantStore, Store
from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.releases.store import build_release, promote
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

DIMENSION = 8
KINDS = ("qdrant", "lancedb", "pgvector")


def unit_id(name: str) -> str:
    return f"u_{sha256_of_text(name)[:16]}"


class Releases:
    """What a training leaves, made without one: a corpus ``c`` and benchmarks over it, whose units are its passages."""

    def __init__(self, home: Path) -> None:
        self.encoder = HashEncoder(DIMENSION)
        self.settings = Settings(home=home, encoder=self.encoder.name)
        self.data = home.parent / "data"
        self.data.mkdir()
        self.passages: dict[str, tuple[str, list[str]]] = {}
        (self.data / "c.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
        add_corpus(home, "c", self.data / "c.jsonl")
        self.benchmark("b")
        self.settings.layout.mark_layout()

    def benchmark(self, name: str) -> None:
        for split in ("train", "test"):
            row = {"id": split, "question": f"{name} {split}?", "golden_answers": ["a"]}
            (self.data / f"{name}-{split}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        files = {split: self.data / f"{name}-{split}.jsonl" for split in ("train", "test")}
        add_benchmark(self.settings.home, name, task="open_qa", corpus="c", **files)

    def index(self, texts: Mapping[str, str], labels: Mapping[str, list[str]] | None = None) -> None:
        rows = [
            {"passage_id": i, "title": "", "text": text, "content_hash": sha256_of_text("", text), "source": i}
            | {"labels": (labels or {}).get(i, []), "said_at": None}
            for i, text in texts.items()
        ]
        table = pl.DataFrame(rows, schema=tables.PASSAGES.schema)
        tables.PASSAGES.store(table, self.settings, "c")
        build_corpus_index(self.settings, "c", self.encoder)
        commit_state(self.settings, "c")

    def release(
        self,
        texts: Mapping[str, str],
        labels: Mapping[str, list[str]] | None = None,
        benchmark: str = "b",
        *,
        serve: bool = True,
        title: str = "",
    ) -> str:
        """A release of one unit a text, made of the passage of the same name; gives its name."""
        rows = [
            {
                "unit_id": unit_id(name),
                "benchmark": benchmark,
                "question_id": f"q{name}",
                "question": "?",
                "title": title,
                "text": text,
                "source_passage_ids": [name],
                "source_hashes": [sha256_of_text("", text)],
                "source_tokens": 9,
                "unit_tokens": 3,
                "fallback": False,
                "distiller": "by hand",
                "prompt_version": "1",
                "labels": (labels or {}).get(name, []),
            }
            for name, text in texts.items()
        ]
        folder = self.settings.releases(benchmark)
        name = build_release(rows_of(tables.KNOWLEDGE_UNITS, rows), self.encoder, folder, {}).name
        if serve:
            promote(folder, name, actor="test", reason="test")
        return name


@pytest.fixture
def releases(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    made = Releases(wbrag_home)
    monkeypatch.setenv("WBRAG_ENCODER", made.encoder.name)
    return made


MakeStore = Callable[..., Store]


@pytest.fixture
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """``make_store("qdrant", dimension=8)``: a store with passages of others."""

    def make(kind: str, dimension: int = DIMENSION, folder: Path = tmp_path, **more: Any) -> Store:
        if kind == "pgvector":
            return PostgresStore(request.getfixturevalue("postgres"), dimension, **more)
        pytest.importorskip({"qdrant": "qdrant_client", "lancedb": "lancedb"}[kind])
        return {"qdrant": QdrantStore, "lancedb": LanceStore}[kind](folder / kind, dimension, **more)

    return make


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    return make_store(request.param)
