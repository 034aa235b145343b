"""The whole of it on each store: what is trained, answered, refreshed and forgotten is what FAISS gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.pipeline.conftest import PLACES, write_tiny
from wbrag_pipeline import tables
from wbrag_pipeline.api import add_benchmark, add_corpus, ask, train
from wbrag_pipeline.cli import app
from wbrag_pipeline.releases.store import current, release_names
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.stores.backends import close_backends
from wbrag_pipeline.retrieval.stores.collections import drop_unneeded
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.store_address import parse_store

STORES = ("lancedb in the home", "lancedb", "qdrant", "pgvector")
# A passage that only some may read; its question is asked by all.
CLOSED = {
    "id": "closed",
    "contents": '"Harbour dues"\nThe dues of the harbour of Corvane are four crowns.',
    "labels": ["hr"],
}
ASKED = [f"Who founded {name}?" for name in PLACES] + ["What are the dues of the harbour of Corvane?"]


@dataclass
class Place:
    """A home over one store. ``collections`` lists what is in the store, in a way of the test's own."""

    settings: Settings
    collections: Callable[[], set[str]]

    @property
    def corpus(self) -> Path:
        return self.settings.home.parent / "files" / "towns.jsonl"

    def units(self) -> pl.DataFrame:
        return current(self.settings.releases("towns")).units().select("unit_id", "title", "text", "labels")

    def answers(self, *labels: str) -> list[Any]:
        replies = [ask(question, "towns", self.settings, labels=labels) for question in ASKED]
        return [(reply.text, reply.passages.select("passage_id", "score").rows()) for reply in replies]

    def rewrite(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        rows = [change(json.loads(line)) for line in self.corpus.read_text("utf-8").splitlines()]
        self.corpus.write_text("".join(json.dumps(row) + "\n" for row in rows if row), "utf-8")


def made(folder: Path, store: str, collections: Callable[[], set[str]]) -> Place:
    settings = Settings(home=folder / "home", store=store)
    corpus, training, test = write_tiny(folder / "files")
    with corpus.open("a", encoding="utf-8") as file:
        file.write(json.dumps(CLOSED) + "\n")
    add_corpus("towns", corpus, settings)
    add_benchmark("towns", corpus="towns", train=training, test=test, settings=settings)
    train("towns", settings)
    return Place(settings, collections)


@pytest.fixture(scope="module")
def on_faiss(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return made(tmp_path_factory.mktemp("faiss"), "faiss", set)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    kind, folder = request.param, tmp_path / "store"
    if kind == "pgvector":
        address = f"pgvector:{request.getfixturevalue('postgres')}"
        listed: Callable[[], set[str]] = lambda: postgres_tables(address)  # noqa: E731
    elif kind == "qdrant":
        pytest.importorskip("qdrant_client")
        address, listed = f"qdrant:{folder}", lambda: qdrant_collections(folder)
    else:
        pytest.importorskip("lancedb")
        address = "lancedb" if kind == "lancedb in the home" else f"lancedb:{folder}"
        listed = lambda: {path.stem for path in folder.glob("*.lance")}  # noqa: E731
    before = listed() if kind == "pgvector" else set()
    monkeypatch.setenv("WBRAG_STORE", address)
    monkeypatch.setenv("WBRAG_HOME", str(tmp_path / "home"))
    found = made(tmp_path, address, lambda: listed() - before)
    yield found
    close_backends()


def postgres_tables(address: str) -> set[str]:
    import psycopg

    with psycopg.connect(address.removeprefix("pgvector:")) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'wbrag%'")
        return {name for (name,) in found}


def qdrant_collections(folder: Path) -> set[str]:
    close_backends()  # a folder is open once
    if not (folder / "meta.json").exists():
        return set()
    return set(json.loads((folder / "meta.json").read_text())["collections"])


def wbrag(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


on_each_store = pytest.mark.parametrize("place", STORES, indirect=True)


@pytest.mark.slow
@on_each_store
def test_a_life_on_each_store(place: Place, on_faiss: Place) -> None:
    outside = bool(parse_store(place.settings.store).place)
    # The same units, the same answers, the same scores to the last bit, for each reader.
    assert place.units().height > 3 and place.units().equals(on_faiss.units())
    for labels in ((), ("hr",)):
        assert place.answers(*labels) == on_faiss.answers(*labels)
    shown = [[passage for passage, _ in hits] for _, hits in place.answers()]
    assert not any("closed" in hits for hits in shown)
    assert "closed" in [passage for passage, _ in place.answers("hr")[-1][1]]
    assert "verified, in " in wbrag("doctor")
    assert len(place.collections()) == (2 if outside else 0)  # of the corpus, and of one release

    # A source goes: its units are served no more.
    (source, *_) = current(place.settings.releases("towns")).units()["source_passage_ids"][0]
    gone = current(place.settings.releases("towns")).units()["unit_id"][0]
    place.rewrite(lambda row: None if row["id"] == source else row)
    wbrag("refresh", "towns", "--no-train")
    assert gone not in place.units()["unit_id"] and not any(
        source in [passage for passage, _ in hits] for _, hits in place.answers()
    )

    # And back: the earlier release has units whose source is gone, so they are not served again.
    names = release_names(place.settings.releases("towns"))
    assert len(names) == 2
    wbrag("release", "promote", "towns", names[0])
    assert gone not in place.units()["unit_id"]

    # A passage is forgotten, its vector too.
    kept = open_knowledge_base(place.settings, "towns", load_encoder())
    forgotten = current(place.settings.releases("towns")).units()["source_passage_ids"][0][0]
    vector = load_encoder().encode_passages(*[[text] for text in text_of(place, forgotten)])
    assert np.abs(kept.search([" "], 1, query_vectors=vector, labels=["hr"])["score"][0] - 1) < 1e-4
    certificate = wbrag("forget", "passage", forgotten, "--corpus", "towns")
    assert ("Made again without it in" in certificate) == outside
    served = open_knowledge_base(place.settings, "towns", load_encoder())
    found = served.search([" "], 1, query_vectors=vector, labels=["hr"])
    assert found["passage_id"][0] != forgotten and found["score"][0] < 0.999
    assert not any(forgotten in [passage for passage, _ in hits] for _, hits in place.answers())

    # Nothing is left in the store that no index of the home names, and in the end nothing at all.
    assert drop_unneeded(place.settings.layout).counts == {}
    notes = {note.stem for note in place.settings.layout.collections.glob("*.json")}
    assert notes == place.collections()
    wbrag("remove", "benchmark", "towns", "--yes")
    wbrag("remove", "corpus", "towns", "--yes")
    assert place.collections() == set()


def text_of(place: Place, passage: str) -> tuple[str, str]:
    (row,) = tables.PASSAGES.load(place.settings, "towns").filter(passage_id=passage).iter_rows(named=True)
    return row["title"], row["text"]
