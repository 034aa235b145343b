"""What a refresh writes into Postgres when 1 % changed: ``python -m perf.store_refresh [--passages 20000]``.

The corpus of ``perf.scale`` is indexed in a Postgres that is started for it, and refreshed twice, each time after
another hundredth of the passages was edited; with the second refresh the first state goes. For each step: rows that
Postgres inserted, updated and deleted (its catalogues' too), its write-ahead log, its CPU time, and the CPU time here.
Nothing is encoded but what changed, and no model is loaded.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from perf.load import stored
from perf.scale import CORPUS, DrawnEncoder, write_passages
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.retrieval.stores.backends import close_backends
from wbrag_pipeline.settings import Settings

_TICKS = os.sysconf("SC_CLK_TCK")
_COUNTED = (
    "SELECT tup_inserted, tup_updated, tup_deleted, pg_current_wal_lsn() - '0/0'::pg_lsn FROM pg_stat_database "
    "WHERE datname = current_database()"
)


@dataclass(frozen=True)
class Work:
    """What was done up to now: rows, bytes of the log, seconds of CPU in Postgres and here."""

    inserted: int
    updated: int
    deleted: int
    log: int
    postgres: float
    here: float

    def since(self, before: Work) -> Work:
        """The difference."""
        return Work(*(now - then for now, then in zip(vars(self).values(), vars(before).values(), strict=True)))


def work(address: str) -> Work:
    """As Postgres and the system count it."""
    import psycopg

    close_backends()  # whoever is connected tells its figures late
    time.sleep(1.0)
    with psycopg.connect(address.removeprefix("pgvector:")) as connection:
        row = connection.execute(_COUNTED).fetchone()
        directory = connection.execute("SHOW data_directory").fetchone()
    assert row is not None and directory is not None
    main = int((Path(directory[0]) / "postmaster.pid").read_text(encoding="ascii").split()[0])
    inserted, updated, deleted, log = map(int, row)
    return Work(inserted, updated, deleted, log, _cpu_of(main), time.process_time())


def _cpu_of(process: int) -> float:
    """CPU seconds of a process, of its children that ended, and of those that are there."""
    seconds = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(stat.parent.name) == process:
            seconds += sum(map(int, fields[11:15])) / _TICKS
        elif int(fields[1]) == process:
            seconds += sum(map(int, fields[11:13])) / _TICKS
    return seconds


def edit(file: Path, which: int) -> None:
    """Change one passage in a hundred."""
    edited = pl.when(pl.int_range(pl.len()) % 100 == which).then(pl.col("text") + "!").otherwise("text").alias("text")
    pl.read_parquet(file).with_columns(edited).write_parquet(file, row_group_size=65_536)


def measured(passages: int, index: str, folder: Path, address: str, dimension: int) -> list[tuple[str, Work, float]]:
    """Each step with its work, and the recall that the index has then."""
    folder.mkdir()
    write_passages(folder / "corpus.parquet", passages)
    settings = Settings(home=folder / "home", encoder="drawn", store=address, index=index)
    add_corpus(settings.home, CORPUS, folder / "corpus.parquet")
    encoder, found = DrawnEncoder(dimension), []
    for which, name in enumerate(("index", "refresh", "refresh again")):
        if which:
            edit(folder / "corpus.parquet", which)
        before = work(address)
        refresh_corpus(settings, Registry.load(settings.home), CORPUS, encoder, run="perf")
        done = work(address).since(before)
        state = current_state(settings, CORPUS)
        assert state is not None
        found.append((name, done, read_manifest(state.folder).recall))
    return found


def main() -> None:
    """Read the arguments, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--index", default="flat,hnsw", help="kinds of index, with commas between")
    parser.add_argument("--dimension", type=int, default=384, help="numbers of a vector")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, stored("pgvector", Path(temporary)) as (address, _):
        print("                  inserted  updated  deleted   log, MiB  Postgres, CPU s  here, CPU s  recall")
        for index in options.index.split(","):
            for name, done, recall in measured(
                options.passages, index, Path(temporary) / index, address, options.dimension
            ):
                rows = f"{done.inserted:9,}{done.updated:9,}{done.deleted:9,}"
                spent = f"{done.log / 2**20:11.1f}{done.postgres:17.2f}{done.here:13.2f}{recall:8.3f}"
                print(f"{index:<5}{name:<14}{rows}{spent}", flush=True)


if __name__ == "__main__":
    main()
