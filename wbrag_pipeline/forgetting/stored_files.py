"""What lies where in a home, and whose it is: which corpus and benchmark a file belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.forgetting.folder_walk import Walk
from wbrag_pipeline.home import Home, path_name
from wbrag_pipeline.settings import Settings

# The folder of tombstones and journal: hashes of what was forgotten, which is no trace of it.
OWN = "forgotten"
# How files end that are read as tables: those of the stages, and the ids of an index.
TABLE_FILES = (".parquet", ".arrow")
# Vectors and locks: no text.
_WITHOUT_TEXT = (".faiss", ".npy", ".lock")
# The program's own folders of a home. A link that lies elsewhere may lead to what it must not change.
_OURS = (
    *("tables", "indexes", "releases", "reports", "lineage", "cache", "experiments", "usage", "questions"),
    *(OWN, "dagster"),
)


@dataclass(frozen=True)
class StoredFiles:
    """``WBRAG_HOME`` and, where they lie elsewhere, the folders of Dagster's records."""

    settings: Settings
    registry: Registry

    @property
    def home(self) -> Path:
        """The home, absolute; links in the path stay."""
        return self.settings.home.absolute()

    @property
    def dagster(self) -> list[Path]:
        """Folders outside the home where Dagster keeps or kept its records, whether they are there or not."""
        named = os.environ.get("DAGSTER_HOME")
        folders = [*([Path(named).absolute()] if named else []), *self.settings.layout.dagster_elsewhere()]
        inside = self.home.resolve()
        return [folder for folder in dict.fromkeys(folders) if not folder.resolve().is_relative_to(inside)]

    @property
    def dagster_configurations(self) -> list[Path]:
        """The files that say where else Dagster keeps its records."""
        folders = [self.home / "dagster", *self.dagster]
        return [file for folder in folders if (file := folder / "dagster.yaml").is_file()]

    @property
    def roots(self) -> list[Path]:
        """Folders that are searched."""
        return [self.home, *(folder for folder in self.dagster if folder.is_dir())]

    @cached_property
    def yours(self) -> frozenset[Path]:
        """Files and folders that the registry names: the user's own, which are not changed."""
        paths = [path for corpus in self.registry.corpora.values() for path in corpus.files]
        paths += [file for entry in self.registry.benchmarks.values() for file in (entry.train, entry.test) if file]
        # What was written from a corpus is named there too, and is the program's own.
        written = {os.path.realpath(Home(self.home).questions(name)) for name in self.registry.benchmarks}
        paths = [path for path in paths if os.path.realpath(path) not in written]
        return frozenset(way for path in paths for way in (path.absolute(), Path(os.path.realpath(path))))

    def walk(self) -> Walk:
        """Every file that may hold text, and what could not be looked into; not the journal."""
        walk = Walk(frozenset(path for path in self.yours if not self.home.resolve().is_relative_to(path)))
        walk.enter(self.home, follow=_OURS, leave_out=(OWN,))
        for folder in self.dagster:
            if folder.is_dir():
                walk.enter(folder)
            else:
                walk.unread.append(f"{folder}: Dagster's records of this home lay there, and it is gone")
        walk.follow_links()
        return walk

    def files(self) -> Iterator[Path]:
        """Every file that may hold text, by folder; not the user's own, and not the journal."""
        for file in self.walk().files:
            if file.suffix not in _WITHOUT_TEXT and file.name != ".lock":
                yield file

    def parquet(self) -> Iterator[Path]:
        """Every Parquet file of ``files`` that can be read."""
        for file in self.files():
            if file.suffix == ".parquet" and not file.name.startswith("."):
                yield file

    def is_cached_by_content(self, file: Path) -> bool:
        """Whether a table of the experiments' cache: of no benchmark by its place, and never right without a row."""
        return file.is_relative_to(self.settings.layout.experiments.absolute() / "stages")

    def corpus_of(self, benchmark: str | None) -> str | None:
        """The corpus of a benchmark, None where the registry does not know it."""
        entry = self.registry.benchmarks.get(benchmark or "")
        return entry.corpus if entry else None

    def scope(self, file: Path) -> tuple[str | None, str | None]:
        """(corpus, benchmark) that a file's path names, None where it names none."""
        owner = Home(self.home).owner(file)
        if owner.corpus is not None:
            return next((name for name in self.registry.corpora if path_name(name) == owner.corpus), None), None
        benchmark = next((name for name in self.registry.benchmarks if path_name(name) == owner.benchmark), None)
        return self.corpus_of(benchmark), benchmark

    def scoped(self, frame: pl.DataFrame, file: Path) -> pl.DataFrame:
        """``frame`` with columns ``_corpus`` and ``_benchmark``, from its columns where it has them, else its path."""
        corpus, benchmark = self.scope(file)
        corpora = {name: entry.corpus for name, entry in self.registry.benchmarks.items()}
        named = pl.col("benchmark") if "benchmark" in frame.columns else pl.lit(benchmark, pl.String)
        frame = frame.with_columns(_benchmark=named)
        if "corpus" in frame.columns:
            return frame.with_columns(_corpus=pl.col("corpus"))
        of_benchmark = pl.col("_benchmark").replace_strict(corpora, default=None, return_dtype=pl.String)
        return frame.with_columns(_corpus=pl.coalesce(of_benchmark, pl.lit(corpus, pl.String)))
