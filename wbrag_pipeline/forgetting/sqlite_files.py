"""SQLite files: the completion cache, which is emptied, and Dagster's storage, whose values are redacted.

What SQLite deletes stays in free pages and in the write-ahead log until they are used again, so secure_delete is on,
the file is vacuumed and the log is cut.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.phrases import FORGOTTEN, Phrases
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.generation.accounts.completions import delete_completions

_HEADER = b"SQLite format 3\x00"
_ROWS_AT_ONCE = 500
_LARGEST = 1 << 28  # bytes of a value after decompression; Dagster's are some thousands

_Value = str | bytes


def is_sqlite(file: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    with file.open("rb") as stream:
        return stream.read(len(_HEADER)) == _HEADER


def empty_completions(home: StoredFiles) -> int:
    """Delete every completion; the ledger of costs stays. Gives how many there were.

    A completion's key is a hash of its prompt, which cannot be turned back into the passages in it, and a short answer
    shows no trace of where it came from. So none can be shown to be free of what is forgotten.
    """
    file = home.settings.layout.completions
    if not file.is_file():
        return 0
    with _opened(file) as connection:
        count = delete_completions(connection)
        _clean(connection)
    return count


def redact_sqlite(file: Path, phrases: Phrases) -> int:
    """Take the phrases out of every text in a SQLite file; gives how many values changed."""
    changed = 0
    with _opened(file) as connection:
        for table, column in _columns(connection):
            for value in set(_traces(connection, table, column, phrases)):
                left = phrases.redact(value) if isinstance(value, str) else FORGOTTEN.encode()
                connection.execute(
                    f'UPDATE OR REPLACE "{table}" SET "{column}" = ? WHERE "{column}" = ?', (left, value)
                )
                changed += 1
        connection.commit()
        if changed or phrases.hit(file.read_bytes().decode("utf-8", errors="replace")):
            _clean(connection)
    return changed


def has_trace(file: Path, phrases: Phrases) -> bool:
    """Whether some value of a SQLite file holds a phrase."""
    with _opened(file) as connection:
        return any(
            next(_traces(connection, table, column, phrases), None) is not None
            for table, column in _columns(connection)
        )


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(file, timeout=60)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            yield connection
    except sqlite3.Error as error:
        problem = f"{error}; what it holds cannot be forgotten; move it away, then: wbrag forget --resume"
        raise IntegrityError(file, problem) from error


def _clean(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [
        (table, column)
        for (table,) in tables.fetchall()
        for _, column, *_ in connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    ]


def _traces(connection: sqlite3.Connection, table: str, column: str, phrases: Phrases) -> Iterator[_Value]:
    """The column's values that hold a phrase: texts, and bytes that hold text, also compressed as Dagster does it."""
    found = connection.cursor().execute(
        f'SELECT "{column}" FROM "{table}" WHERE typeof("{column}") IN (\'text\', \'blob\')'
    )
    rows: list[_Value] = [value for (value,) in found.fetchall()]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        values = rows[start : start + _ROWS_AT_ONCE]
        hits = phrases.hits(pl.Series([_as_text(value) for value in values], dtype=pl.String))
        yield from (value for value, hit in zip(values, hits, strict=True) if hit)


def _as_text(value: _Value) -> str:
    if isinstance(value, str):
        return value
    with suppress(zlib.error):
        value = zlib.decompressobj().decompress(value, _LARGEST)
    return value.decode("utf-8", errors="replace")
