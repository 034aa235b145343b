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
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger (id TEXT PRIMARY KEY, began TEXT NOT NULL, run TEXT NOT NULL,"
    " stage TEXT NOT NULL, partition TEXT NOT NULL, engine TEXT NOT NULL, "
    + ", ".join(f"{name} {'REAL' if name == 'seconds' else 'INTEGER'} NOT NULL" for name in _COUNTS)
    + ") WITHOUT ROWID"
)
_ADD = f"INSERT INTO ledger VALUES ({', '.join('?' * (6 + len(_COUNTS)))}) ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{name} = {name} + excluded.{name}" for name in _COUNTS
)


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


def costs(path: Path, *, run: str | None = None, partition: str | None = None) -> list[Cost]:
    """Sums over a completions file, oldest first, of one run or partition or of all; [] where there is no file."""
    if not path.is_file():
        return []
    sums = ", ".join(f"sum({name})" for name in _COUNTS)
    with damage_in_words(path), closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute(SCHEMA)
        rows = connection.execute(
            f"SELECT run, stage, partition, engine, min(began), {sums} FROM ledger"
            " WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR partition = ?2)"
            " GROUP BY run, stage, partition, engine ORDER BY min(began), stage",
            (run, partition),
        ).fetchall()
    return [
        Cost(run, stage, partition, engine, began, Usage(*counts))
        for run, stage, partition, engine, began, *counts in rows
    ]


def paper_calls(questions: int, kept: int, top_k: int) -> dict[str, int]:
    """The paper's ``2N + |kept|·K + |kept|`` (section 4.5), by the stage that makes the calls."""
    return {"utility_scores": 2 * questions, "gated_docs": kept * top_k, "knowledge_units": kept}
