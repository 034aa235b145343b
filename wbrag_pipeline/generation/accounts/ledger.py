"""Every call accounted for: which stage asked which engine how often, and what it cost.

The ledger is a table beside the completions in the same SQLite file, and its rows grow in the very transactions that
store the completions: what was answered and what was counted cannot disagree, not even after a kill.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.generation.generator import Usage

_COUNTS = [field.name for field in fields(Usage)]
_COLUMNS = {name: f"{name} {'REAL' if name == 'seconds' else 'INTEGER'} NOT NULL DEFAULT 0" for name in _COUNTS}
_PLACES = ("run", "stage", "partition", "engine")
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger (id TEXT PRIMARY KEY, began TEXT NOT NULL, "
    + ", ".join((*(f"{name} TEXT NOT NULL" for name in _PLACES), *_COLUMNS.values()))
    + ") WITHOUT ROWID"
)
# By name: in a ledger that was added to, columns stand in another order.
_NAMES = ("id", "began", *_PLACES, *_COUNTS)
_ADD = (
    f"INSERT INTO ledger ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))}) ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _COUNTS)
)


def prepare_ledger(connection: sqlite3.Connection) -> None:
    """Make the ledger, or give one of an earlier version the counts that it lacks, at 0; its rows stay.

    Any number of processes may do so at once: the first to get SQLite's lock adds the columns, the others find them.
    """
    connection.execute(_SCHEMA)
    if _missing(connection):
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for name in _missing(connection):
                connection.execute(f"ALTER TABLE ledger ADD COLUMN {_COLUMNS[name]}")


def _missing(connection: sqlite3.Connection) -> list[str]:
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(ledger)")}
    return [name for name in _COUNTS if name not in there]


@dataclass(frozen=True)
class Place:
    """On whose account a call goes: a run, a stage of it, a partition of that."""

    stage: str = ""
    run: str = ""
    partition: str = ""


_NOWHERE = Place()
_PLACE: ContextVar[Place] = ContextVar("ledger_place", default=_NOWHERE)


@contextmanager
def accounting(stage: str, *, run: str = "", partition: str = "") -> Iterator[None]:
    """Calls made inside the block go on this stage's account."""
    token = _PLACE.set(Place(stage, run, partition))
    try:
        yield
    finally:
        _PLACE.reset(token)


class Entry:
    """One row of the ledger, of the stage that was current when it was opened; absent until something is added."""

    def __init__(self, engine: str) -> None:
        self._id, self._began = uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
        place = _PLACE.get()
        self._where = (place.run, place.stage, place.partition, engine)

    def add(self, connection: sqlite3.Connection, usage: Usage) -> None:
        """Add to the row, in the connection's current transaction."""
        connection.execute(_ADD, (self._id, self._began, *self._where, *astuple(usage)))


@dataclass(frozen=True)
class Cost:
    """What one stage of one run spent with one engine."""

    run: str
    stage: str
    partition: str
    engine: str
    began: str
    usage: Usage


@contextmanager
def damage_in_words(path: Path) -> Iterator[None]:
    """Raise IntegrityError, with the remedy, where SQLite finds a file damaged or none of its own."""
    try:
        yield
    except sqlite3.OperationalError:
        raise  # locked, or full: no fault of the file
    except sqlite3.DatabaseError as error:
        problem = f"{error}; move it away, answers will then be asked for again"
        raise IntegrityError(path, problem) from error


def costs(path: Path, *, partition: str | None = None) -> list[Cost]:
    """Sums over a completions file, oldest first, of one partition or of all; [] where there is no file."""
    if not path.is_file():
        return []
    sums = ", ".join(f"sum({name})" for name in _COUNTS)
    with damage_in_words(path), closing(sqlite3.connect(path, timeout=60)) as connection:
        prepare_ledger(connection)
        rows = connection.execute(
            f"SELECT run, stage, partition, engine, min(began), {sums} FROM ledger"
            " WHERE ?1 IS NULL OR partition = ?1"
            " GROUP BY run, stage, partition, engine ORDER BY min(began), stage",
            (partition,),
        ).fetchall()
    return [
        Cost(run, stage, partition, engine, began, Usage(*counts))
        for run, stage, partition, engine, began, *counts in rows
    ]


def paper_calls(questions: int, kept: int, top_k: int) -> dict[str, int]:
    """The paper's ``2N + |kept|·K + |kept|`` (section 4.5), by the stage that makes the calls."""
    return {"utility_scores": 2 * questions, "gated_docs": kept * top_k, "knowledge_units": kept}
