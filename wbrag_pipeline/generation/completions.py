"""Everything a generator ever answered, content-addressed, so that nothing is asked twice.

A key is a hash of all that decides the completion (generator fingerprint and the whole input), so an entry
never goes stale: another model, prompt or passage is another key. A rerun, a resumed run and a threshold sweep
find what they need here; a killed run has lost at most the batch it was in.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from wbrag_pipeline.generation.protocol import Usage

Request = TypeVar("Request")

# SQLite's limit on variables in one statement is at least 999 in every build.
_KEYS_A_QUERY = 900
_SCHEMA = "CREATE TABLE IF NOT EXISTS completions (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class CompletionCache:
    """A SQLite file of key → JSON value, safe for parallel processes (write-ahead log, short transactions)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as connection, connection:
            connection.execute(_SCHEMA)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values that are there, by key; absent keys are left out."""
        wanted, found = list(dict.fromkeys(keys)), {}
        with closing(self._connect()) as connection:
            for first in range(0, len(wanted), _KEYS_A_QUERY):
                some = wanted[first : first + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                found.update(connection.execute(f"SELECT key, value FROM completions WHERE key IN ({marks})", some))
        return {key: json.loads(value) for key, value in found.items()}

    def put_many(self, values: Mapping[str, Any]) -> None:
        """Store values in one transaction. The first value of a key stays: the same key means the same completion."""
        rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in values.items()]
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO completions VALUES (?, ?)", rows)

    def _connect(self) -> sqlite3.Connection:
        # One connection a use: it may be any thread's or any forked process' turn.
        connection = sqlite3.connect(self.path, timeout=60)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


def complete(
    requests: Sequence[Request],
    key_of: Callable[[Request], str],
    ask: Callable[[list[Request]], Sequence[Any]],
    *,
    cache: CompletionCache | None,
    usage: Usage,
    batch: int,
    advance: Callable[[int], object] = lambda count: None,
) -> list[Any]:
    """Answer each request from the cache or, ``batch`` at a time, from ``ask``; equal requests are asked once.

    Each finished batch is stored before the next is asked. Values must survive JSON: what comes back fresh is
    passed through it too, so that a cached and a fresh answer cannot differ.
    """
    keys = [key_of(request) for request in requests]
    known = cache.get_many(keys) if cache else {}
    missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
    usage.calls += len(set(keys))
    usage.cached += len(set(keys)) - len(missing)
    advance(len(keys) - len(missing))
    waiting = list(missing.items())
    for first in range(0, len(waiting), batch):
        some = waiting[first : first + batch]
        answers = ask([request for _, request in some])
        fresh = {key: json.loads(json.dumps(answer)) for (key, _), answer in zip(some, answers, strict=True)}
        if cache:
            cache.put_many(fresh)
        known.update(fresh)
        advance(len(some))
    return [known[key] for key in keys]
