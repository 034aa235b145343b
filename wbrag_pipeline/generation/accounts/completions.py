"""Everything a generator ever answered, content-addressed, so that nothing is asked twice.

A key is a hash of all that decides the completion (generator fingerprint and the whole input), so an entry
never goes stale: another model, prompt or passage is another key. A rerun, a resumed run and a threshold sweep
find what they need here; a killed run has lost at most what was on its way.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from wbrag_pipeline.errors import StorageError
from wbrag_pipeline.generation.accounts import ledger
from wbrag_pipeline.generation.accounts.budget import current_budget
from wbrag_pipeline.generation.generator import Usage

Asked = TypeVar("Asked")
Stored = TypeVar("Stored")

# SQLite's limit on variables in one statement is at least 999 in every build.
_KEYS_A_QUERY = 900
# Seconds that a process waits for another one's transaction.
_PATIENCE = 60.0
_REFUSALS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)
_SCHEMA = "CREATE TABLE IF NOT EXISTS completions (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
# What is there stays.
_PUT = "INSERT INTO completions VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
# The value again, since another process may have put a good one in its place meanwhile.
_REMOVE = "DELETE FROM completions WHERE key = ? AND CAST(value AS BLOB) = ?"


# How often the cache had been emptied when a request began; None outside of ``stored_unless_emptied``.
_begun: ContextVar[int | None] = ContextVar("begun", default=None)


@contextmanager
def stored_unless_emptied(file: Path) -> Iterator[None]:
    """What is asked in the block is stored only if nobody has emptied the cache since the block began.

    Who answers requests while ``wbrag forget`` is at work has read its passages before: a completion of the second
    step of an answer would bring back what was forgotten meanwhile.
    """
    if not file.is_file():
        yield
        return
    with closing(sqlite3.connect(file, timeout=_PATIENCE)) as connection:
        before = _begun.set(_times_emptied(connection))
    try:
        yield
    finally:
        _begun.reset(before)


def delete_completions(connection: sqlite3.Connection) -> int:
    """Delete every completion, and let no request that has begun store another; gives how many there were."""
    with connection:
        (count,) = connection.execute("SELECT count(*) FROM completions").fetchone()
        connection.execute("DELETE FROM completions")
        connection.execute(f"PRAGMA user_version = {_times_emptied(connection) + 1}")  # a part of the transaction
    return int(count)


def _times_emptied(connection: sqlite3.Connection) -> int:
    (times,) = connection.execute("PRAGMA user_version").fetchone()
    return int(times)


class Remembered(dict[str, Stored]):
    """Values by key. ``damaged``: how many more were there that could not be used."""

    damaged: int = 0


def as_it_is(value: Any) -> Any:
    """``read`` for values of which nothing more is known than that they are JSON."""
    return value


class CompletionCache:
    """A SQLite file of key → JSON value, safe for parallel processes (write-ahead log, short transactions).

    The file holds the ledger too, see ``generation.ledger``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._in_plain_words():
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._in_plain_words(), closing(self._connect()) as connection, connection:
            connection.execute(_SCHEMA)
            ledger.prepare_ledger(connection)

    def get_many(self, keys: Iterable[str], read: Callable[[Any], Stored] = as_it_is) -> Remembered[Stored]:
        """What ``read`` makes of the values that are there, by key; absent keys are left out.

        So are values that are damaged: no JSON, or JSON of which ``read`` raises ValueError, such as a log-probability
        above 0 that an earlier version stored. They are taken out, so that the next answer takes their place.
        """
        wanted = list(dict.fromkeys(keys))
        found = Remembered[Stored]()
        with ledger.damage_in_words(self.path), closing(self._connect()) as connection:
            connection.text_factory = bytes
            rows: list[tuple[bytes, bytes]] = []
            for first in range(0, len(wanted), _KEYS_A_QUERY):
                some = wanted[first : first + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                rows += connection.execute(f"SELECT key, value FROM completions WHERE key IN ({marks})", some)
            unusable = []
            for key, value in rows:
                try:
                    found[key.decode()] = read(json.loads(value))
                except (ValueError, RecursionError):
                    unusable.append((key.decode(), value))
            if unusable:
                found.damaged = len(unusable)
                with self._in_plain_words(), connection:
                    connection.executemany(_REMOVE, unusable)
        return found

    @contextmanager
    def recording(self, engine: str) -> Iterator[Callable[[Mapping[str, Any], Usage], None]]:
        """Yield ``put(values, usage)``: store values and add to the ledger, in one transaction each time.

        The connection stays open over the block, which makes a put a matter of microseconds: each completion can
        be stored as it arrives. ``put`` may be called from any one thread at a time.

        Values are not stored once the cache has been emptied after ``stored_unless_emptied`` began, or after this.
        """
        entry = ledger.Entry(engine)
        with closing(self._connect()) as connection:
            begun = _begun.get()
            asked_at = _times_emptied(connection) if begun is None else begun

            def put(values: Mapping[str, Any], usage: Usage) -> None:
                with self._in_plain_words(), connection:
                    entry.add(connection, usage)  # first: from here on nobody else empties it
                    if _times_emptied(connection) == asked_at:
                        connection.executemany(_PUT, _rows(values))

            yield put

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            with ledger.damage_in_words(self.path):
                yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _REFUSALS:
                raise StorageError(self.path, str(error)) from error
            raise
        except OSError as error:
            raise StorageError(self.path, str(error.strerror).lower()) from error

    def _connect(self) -> sqlite3.Connection:
        # One connection a use: it may be any thread's or any forked process' turn.
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, check_same_thread=False)
        try:
            with ledger.damage_in_words(self.path):
                _log_ahead(connection)
        except BaseException:
            connection.close()
            raise
        # What is committed survives the process however it ends; only a power cut could take the last moments.
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


@contextmanager
def recording_in(cache: CompletionCache | None, engine: str) -> Iterator[Callable[[Mapping[str, Any], Usage], None]]:
    """``cache.recording``, or without a cache a ``put`` that stores nothing; what is added the budget counts."""
    budget = current_budget()

    def counted(put: Callable[[Mapping[str, Any], Usage], None], values: Mapping[str, Any], usage: Usage) -> None:
        put(values, usage)
        if budget is not None:
            budget.spent.add(usage)

    if cache is None:
        yield partial(counted, lambda values, usage: None)
    else:
        with cache.recording(engine) as put:
            yield partial(counted, put)


def complete(
    requests: Sequence[Asked],
    key_of: Callable[[Asked], str],
    ask: Callable[[list[Asked]], Sequence[Any]],
    *,
    cache: CompletionCache | None,
    usage: Usage,
    batch: int,
    read: Callable[[Any], Stored] = as_it_is,
    advance: Callable[[int], object] = lambda count: None,
    engine: str = "reader",
) -> list[Stored]:
    """Answer each request from the cache or, ``batch`` at a time, from ``ask``; equal requests are asked once.

    Each finished batch is stored, and accounted for under ``engine``, before the next is asked. Values must survive
    JSON: what comes back fresh is passed through it too, so that a cached and a fresh answer cannot differ. ``read``
    makes of a value what is given back, and raises ValueError for one that cannot be, which is then asked for again.
    """
    keys = [key_of(request) for request in requests]
    known = cache.get_many(keys, read) if cache else Remembered[Stored]()
    missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
    found = len(set(keys)) - len(missing)
    advance(len(keys) - len(missing))
    waiting = list(missing.items())
    with recording_in(cache, engine) as put:
        if found or known.damaged:
            _count(usage, Usage(calls=found, cached=found, entries_damaged=known.damaged), {}, put)
        for first in range(0, len(waiting), batch):
            some = waiting[first : first + batch]
            began = time.perf_counter()
            answers = ask([request for _, request in some])
            spent = Usage(calls=len(some), attempts=len(some), seconds=time.perf_counter() - began)
            fresh = {key: json.loads(json.dumps(answer)) for (key, _), answer in zip(some, answers, strict=True)}
            _count(usage, spent, fresh, put)
            known.update({key: read(value) for key, value in fresh.items()})
            advance(len(some))
    return [known[key] for key in keys]


def count(spent: Usage, *, cache: CompletionCache | None, usage: Usage, engine: str) -> None:
    """Add to ``usage`` and to the ledger what comes with no value to store; nothing where all counts are 0."""
    if spent != Usage():
        with recording_in(cache, engine) as put:
            _count(usage, spent, {}, put)


def _count(
    usage: Usage, spent: Usage, fresh: Mapping[str, Any], put: Callable[[Mapping[str, Any], Usage], None]
) -> None:
    put(fresh, spent)
    usage.add(spent)


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log. SQLite waits for nobody in that, so where two begin at once one has to try again."""
    last = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
        time.sleep(0.02)


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, json.dumps(value, ensure_ascii=False)) for key, value in values.items()]
