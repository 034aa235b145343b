"""A home with a corpus of four passages and releases by hand, encoded by angles."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from tests.serving.web import Towns
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.releases.store import build_release, promote, rollback
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state
from wbrag_pipeline.settings import Settings

CORPUS = {"north": 90.0, "east": 0.0, "west": 180.0, "south": 270.0}


class Deployment:
    """What the pipeline leaves, made without it: releases hold the one unit of an angle."""

    def __init__(self, home: Path) -> None:
        self.settings, self.encoder = Settings(home=home, top_k=2), CompassEncoder()
        self.folder = self.settings.releases("b")
        data = home.parent / "data"
        data.mkdir()
        (data / "c.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
        for split in ("train", "test"):
            (data / f"{split}.jsonl").write_text(
                f'{{"id": "{split}", "question": "{split}?", "golden_answers": ["a"]}}\n', encoding="utf-8"
            )
        add_corpus(home, "c", data / "c.jsonl")
        add_benchmark(home, "b", task="open_qa", corpus="c", train=data / "train.jsonl", test=data / "test.jsonl")
        self.index(CORPUS)

    def index(self, angles: dict[str, float], *, cut_short: bool = False) -> None:
        """What a refresh does to the corpus; ``cut_short`` before the served releases are brought in step with it."""
        tables.PASSAGES.store(passages_of(angles), self.settings, "c")
        build_corpus_index(self.settings, "c", self.encoder)
        if not cut_short:
            commit_state(self.settings, "c")

    def release(self, *, source: str = "east", **angles: float) -> str:
        passage = passages_of({source: CORPUS[source]}).row(0, named=True)
        units = units_of(angles).with_columns(
            source_passage_ids=pl.lit([source]), source_hashes=pl.lit([passage["content_hash"]])
        )
        return build_release(units, self.encoder, self.folder, {}).name

    def promote(self, name: str) -> None:
        promote(self.folder, name, actor="test", reason="test")

    def rollback(self) -> None:
        rollback(self.folder, actor="test", reason="test")


@pytest.fixture
def deployment(wbrag_home: Path) -> Deployment:
    return Deployment(wbrag_home)


@pytest.fixture
def towns(wbrag_home: Path) -> Towns:
    """What is served over HTTP, with one release of one unit."""
    towns = Towns(wbrag_home)
    towns.promote(towns.release("u1", "Velcro was the idea of a Swiss engineer."))
    return towns
