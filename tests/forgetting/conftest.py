"""A trained home, made once and copied for each test: forgetting cannot be undone."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.pipeline.conftest import train_tiny
from wbrag_pipeline import tables
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.settings import Settings


@dataclass(frozen=True)
class Trained:
    """A home with the trained benchmark ``towns`` over the corpus ``towns``."""

    settings: Settings

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.settings.table(name, "towns"))

    def passage(self, passage_id: str) -> dict[str, str]:
        (row,) = self.table("passages").filter(passage_id=passage_id).iter_rows(named=True)
        return row

    def holds(self, *words: str) -> list[str]:
        """Files of the home that hold one of these texts, read in a way of the test's own."""
        found = []
        for file in sorted(path for path in self.settings.home.rglob("*") if path.is_file()):
            data = file.read_bytes()
            if file.suffix == ".parquet":
                data += repr(pl.read_parquet(file).to_dicts()).encode()
            if any(word.encode() in data for word in words):
                found.append(str(file.relative_to(self.settings.home)))
        return found


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("towns")).home


@pytest.fixture
def trained(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    home = tmp_path / "home"
    shutil.copytree(original, home)
    monkeypatch.setenv("WBRAG_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    return Trained(Settings.from_environment())


@pytest.fixture
def copy_of(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Trained]]:
    def make(name: str) -> Trained:
        shutil.copytree(original, tmp_path / name)
        monkeypatch.setenv("WBRAG_HOME", str(tmp_path / name))
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / name / "dagster"))
        return Trained(Settings.from_environment())

    yield make


@dataclass(frozen=True)
class Written:
    """A home with tables of passages and Dagster's records of them, and no model."""

    settings: Settings

    def corpus(self, name: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
        """A corpus of these rows, its table stored; gives what was read of it. Again: the file is edited."""
        file = _jsonl(self.settings.home.parent / "data" / f"{name}.jsonl", rows)
        if name not in Registry.load(self.settings.home).corpora:
            add_corpus(self.settings.home, name, file)
        passages = self.read(name)
        tables.PASSAGES.store(passages, self.settings, name)
        return passages

    def benchmark(self, name: str, corpus: str, questions: Sequence[dict[str, Any]]) -> None:
        """A benchmark of these training questions, its table QUESTIONS stored."""
        file = _jsonl(self.settings.home.parent / "data" / f"{name}_train.jsonl", questions)
        if name not in Registry.load(self.settings.home).benchmarks:
            add_benchmark(self.settings.home, name, task="open_qa", corpus=corpus, train=file)
        train = Registry.load(self.settings.home).splits(name).train.with_columns(split=pl.lit("train"))
        tables.QUESTIONS.store(train.select(list(tables.QUESTIONS.schema)), self.settings, name)

    def read(self, corpus: str) -> pl.DataFrame:
        """The corpus as a refresh would read it now."""
        return Registry.load(self.settings.home).passages(corpus)

    def stored(self, corpus: str) -> dict[str, str]:
        """Texts by id in the stored table."""
        return dict(tables.PASSAGES.load(self.settings, corpus).select("passage_id", "text").iter_rows())

    def dagster(self, *values: str | bytes, folder: Path | None = None) -> Path:
        """A database in Dagster's folder with these values in one column."""
        file = (folder or self.settings.home / "dagster") / "history" / "runs.db"
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, event)")
            connection.executemany("INSERT INTO events (event) VALUES (?)", [(value,) for value in values])
            connection.commit()
        return file


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setattr(registry, "BUILT_IN", tmp_path / "nothing")  # whose questions forgetting would read
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("WBRAG_HOME", str(tmp_path / "home"))
    (tmp_path / "data").mkdir()
    return Written(Settings.from_environment())


def values_of(database: Path) -> list[Any]:
    """The values that ``Written.dagster`` put there, as they are now."""
    with closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute("SELECT event FROM events ORDER BY id")]


def _jsonl(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file
