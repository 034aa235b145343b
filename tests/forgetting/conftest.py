"""A trained home, made once and copied for each test: forgetting cannot be undone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
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
    folder = tmp_path_factory.mktemp("towns")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WBRAG_HOME", str(folder / "home"))
        patch.setenv("DAGSTER_HOME", str(folder / "home" / "dagster"))
        (folder / "home" / "dagster").mkdir(parents=True)
        settings = Settings.from_environment()
        corpus, train, test = write_tiny(folder / "files")
        add_corpus(settings.home, "towns", corpus)
        add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
        run_pipeline(settings, ["towns"])
    return folder / "home"


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
