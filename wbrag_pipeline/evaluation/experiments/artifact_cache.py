"""Tables kept by what they were made from, so that an experiment goes on where it stopped and shares what it can.

A table's file is named by a hash of its stage, of the contents of its inputs, of the settings that matter to it and of
the code that makes it. What is there is therefore never stale: another threshold, model or program is another name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.source_code import hash_of_source
from wbrag_pipeline.storage import replacing, sha256_of_file, sha256_of_text
from wbrag_pipeline.table_files import write_parquet
from wbrag_pipeline.tables import Table
from wbrag_pipeline.training.stages import StageResult

ACCOUNT = "experiment:"  # before a stage's name in the ledger, so that experiments do not mix with runs
# The packages and modules whose code decides what a stage makes. A change in any of them makes the tables anew; what
# the generator was asked stays in its cache.
_PACKAGES = ("curation", "datasets", "generation", "rag", "releases", "retrieval", "training")
_MODULES = ("cpu_arithmetic", "evaluation/evaluate", "minilm", "sentences", "tables")


@dataclass(frozen=True)
class Artifact:
    """A table in the cache. ``made``: this process made it, it was not there before."""

    stage: str
    key: str
    path: Path
    table: Table
    made: bool

    @cached_property
    def content(self) -> str:
        """Hex SHA-256 of the file: equal content, equal table."""
        return sha256_of_file(self.path)

    def read(self) -> pl.DataFrame:
        """The table. Raises IntegrityError when the file is damaged."""
        return self.table.read(self.path)


@dataclass(frozen=True)
class ArtifactCache:
    """A folder of tables, one folder a stage."""

    folder: Path

    def table(self, stage: str, kind: Table, parts: tuple[str, ...], make: Callable[[str], StageResult]) -> Artifact:
        """The table of that stage made from ``parts``, or what ``make`` gives, which is then kept.

        ``make`` gets the key: generator calls go on the account ``experiment:STAGE``, run KEY, so the ledger can tell
        what any one table cost. A table that lacks calls which failed is kept apart and made anew the next time, which
        asks for the failed ones alone.
        """
        key = sha256_of_text(stage, code_of_the_stages(), *parts)[:32]
        whole, partial = self._paths(stage, key)
        there, path = _is_whole(whole, kind), whole
        if not there:
            made = make(key)
            path = partial if made.failed else whole
            with replacing(path) as temporary:
                write_parquet(kind.check(made.table, stage), temporary)
            if path is whole:
                partial.unlink(missing_ok=True)
        return Artifact(stage, key, path, kind, made=not there)

    def path(self, stage: str, key: str) -> Path:
        """Where the table of that key is, or would be."""
        whole, partial = self._paths(stage, key)
        return whole if whole.is_file() or not partial.is_file() else partial

    def _paths(self, stage: str, key: str) -> tuple[Path, Path]:
        return self.folder / stage / f"{key}.parquet", self.folder / stage / f"{key}.partial.parquet"


def _is_whole(file: Path, kind: Table) -> bool:
    """Whether the table is there and can be read: a damaged one is made again."""
    try:
        kind.read(file)
    except IntegrityError:
        return False
    return True


def code_of_the_stages() -> str:
    """Hex SHA-256 over the source of everything that decides what a stage makes."""
    return hash_of_source(_PACKAGES, _MODULES)
