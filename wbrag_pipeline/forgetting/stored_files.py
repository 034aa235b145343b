"""What lies where in a home, and whose it is: which corpus and benchmark a file belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.home import Home, path_name
from wbrag_pipeline.settings import Settings

# The folder of tombstones and journal: hashes of what was forgotten, which is no trace of it.
OWN = "forgotten"
# Vectors and locks: no text.
_WITHOUT_TEXT = (".faiss", ".npy", ".lock")


@dataclass(frozen=True)
class StoredFiles:
    """``WBRAG_HOME`` and, where it lies elsewhere, Dagster's folder."""

    settings: Settings
    registry: Registry

    @property
    def roots(self) -> list[Path]:
        """Folders that are searched."""
        dagster = os.environ.get("DAGSTER_HOME")
        roots = [self.settings.home.absolute()]
        if dagster and not (other := Path(dagster).absolute()).is_relative_to(roots[0]) and other.is_dir():
            roots.append(other)
        return roots

    @cached_property
    def yours(self) -> frozenset[Path]:
        """Files and folders that the registry names: the user's own, which are not changed."""
        paths = [corpus.path for corpus in self.registry.corpora.values()]
        paths += [file for entry in self.registry.benchmarks.values() for file in (entry.train, entry.test) if file]
        return frozenset(path.absolute() for path in paths)

    def files(self) -> Iterator[Path]:
        """Every file that may hold text, in order of path; not the user's own, and not the journal."""
        for root in self.roots:
            for file in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
                own = file.is_relative_to(root / OWN) or self.yours & {file, *file.parents}
                if not own and file.suffix not in _WITHOUT_TEXT and file.name != ".lock":
                    yield file

    def parquet(self) -> Iterator[Path]:
        """Every Parquet file of ``files`` that can be read."""
        for file in self.files():
            if file.suffix == ".parquet" and not file.name.startswith("."):
                yield file

    def corpus_of(self, benchmark: str | None) -> str | None:
        """The corpus of a benchmark, None where the registry does not know it."""
        entry = self.registry.benchmarks.get(benchmark or "")
        return entry.corpus if entry else None

    def scope(self, file: Path) -> tuple[str | None, str | None]:
        """(corpus, benchmark) that a file's path names, None where it names none."""
        owner = Home(self.settings.home.absolute()).owner(file)
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
