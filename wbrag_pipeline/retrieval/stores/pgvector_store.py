"""Postgres with pgvector: a table for each collection, made in one transaction, as is each further version of it.

::

    position integer primary key, label_set integer, embedding vector(DIMENSION)

A table that goes on has two columns more, see ``pgvector_versions``. libpq finds a password by itself: PGPASSWORD,
~/.pgpass, a service. Source: github.com/pgvector/pgvector and www.psycopg.org/psycopg3/docs, COPY, pipeline mode and
connection pools.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import InputError, IntegrityError, MissingPartError, VectorStoreError
from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.exact_scores import candidate_arrays, in_order
from wbrag_pipeline.retrieval.stores.index_kinds import known_kind
from wbrag_pipeline.retrieval.stores.pgvector_versions import (
    COMMENT,
    OF_VERSION,
    VERSION_COLUMNS,
    index_versions,
    keep,
    list_versions,
    listed,
    mark_removed,
    rows_changed,
    versions_in,
)
from wbrag_pipeline.retrieval.stores.store_errors import in_words_of
from wbrag_pipeline.retrieval.stores.versions import NextVersion
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.store_address import StoreAddress, load_psycopg

_SECONDS_TO_CONNECT = 20
_MOST_CONNECTIONS = 8
_DIMENSION = "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'embedding'"
# pgvector indexes vectors of up to so many numbers, and `hnsw.ef_search` bounds what a search finds.
_MOST_INDEXED, _MOST_FOUND = 2000, 200
_MOST_EXACT = 100_000
_EXACTLY = ("SET LOCAL enable_indexscan = off", "SET LOCAL enable_bitmapscan = off")
# Rows that are fetched by position at a time.
_AT_ONCE = 4096


class PgvectorBackend:
    """A ``VersionedBackend``; one pool of connections for all of its collections."""

    keeps = "the table is dropped, or vacuumed where it stays; the write-ahead log and backups may keep the vectors"

    def __init__(self, address: StoreAddress) -> None:
        self._psycopg = load_psycopg()
        try:
            import pgvector.psycopg
            import psycopg_pool
        except ImportError as error:
            raise MissingPartError(
                "a part of what pgvector: needs", "pip install 'wbrag-pipeline[pgvector]'"
            ) from error
        self._register, self._pools = pgvector.psycopg.register_vector, psycopg_pool
        self._address = address
        self._pool: Any = None
        self._opening = threading.Lock()

    def check(self) -> None:
        """As the protocol says; also where the database has no pgvector and may not get it."""
        with in_words_of(self._address):
            self.connections()

    def kind_of(self, kind: str, count: int, dimension: int) -> str:
        """As the protocol says; ``auto`` is exact for up to 100,000 vectors, and HNSW beyond."""
        usual = "hnsw" if dimension <= _MOST_INDEXED else "flat"
        found = known_kind(kind, ("flat", "ivf", "hnsw"), "pgvector", count, _MOST_EXACT, usual)
        if found != "flat" and dimension > _MOST_INDEXED:
            problem = f"pgvector has no {found} index for {dimension} dimensions, more than {_MOST_INDEXED}"
            raise InputError(problem, field="--index", hint="flat, or another store")
        return found

    def create(self, folder: Path, name: str, vectors: Written, kind: str) -> None:
        """As the protocol says; a build that is killed leaves nothing."""
        self._make(name, vectors, kind, None)

    def begin(self, name: str, vectors: Written, kind: str, version: int) -> None:
        """As the protocol says; a build that is killed leaves nothing."""
        self._make(name, vectors, kind, version)

    def go_on(self, name: str, base: int, change: NextVersion) -> None:
        """As the protocol says, in one transaction."""
        place = str(self._address)
        with in_words_of(self._address), self.connections().connection() as connection:
            there = listed(connection, name)
            if base not in there:
                raise IntegrityError(place, f"has no version {base} of {name} to go on from")
            kept = sorted(version for version in there if version <= base)
            if len(kept) < len(there):
                keep(connection, name, kept)
            self._copy(connection, name, change.first, change.vectors, change.version)
            marked = mark_removed(connection, name, change.gone.tolist(), change.version)
            if marked != len(change.gone):
                raise IntegrityError(place, f"has {marked} of {len(change.gone)} rows of {name} that are to go")
            list_versions(connection, name, [*kept, change.version])

    def versions(self, name: str) -> set[int]:
        """As the protocol says."""
        with in_words_of(self._address), self.connections().connection() as connection:
            return listed(connection, name)

    def keep_versions(self, name: str, kept: Collection[int]) -> None:
        """As the protocol says, in one transaction."""
        with in_words_of(self._address), self.connections().connection() as connection:
            there = listed(connection, name)
            if there - set(kept):
                keep(connection, name, sorted(there & set(kept)))
                list_versions(connection, name, there & set(kept))

    def erase(self, name: str) -> None:
        """As the protocol says; VACUUM leaves what a transaction may still see that began before."""
        if not self.versions(name):
            return
        with in_words_of(self._address), self._psycopg.connect(self._place(), autocommit=True) as connection:
            # Always the indexes too, which have the vectors a second time.
            rows_changed(connection, name, "VACUUM (INDEX_CLEANUP ON) {}")

    def open(self, folder: Path, name: str, dimension: int, kind: str) -> PgvectorStore:
        """As the protocol says."""
        return self._open(folder, name, dimension, kind, None)

    def open_version(self, folder: Path, name: str, dimension: int, kind: str, version: int) -> PgvectorStore:
        """As the protocol says."""
        return self._open(folder, name, dimension, kind, version)

    def _make(self, name: str, vectors: Written, kind: str, version: int | None) -> None:
        sql = self._psycopg.sql
        table = sql.Identifier(name)
        columns = "position integer PRIMARY KEY, label_set integer NOT NULL, embedding vector({}) NOT NULL"
        columns += VERSION_COLUMNS if version is not None else ""
        made = sql.SQL(columns).format(sql.Literal(vectors.dimension))
        with in_words_of(self._address), self.connections().connection() as connection:
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, made))
            self._copy(connection, name, 0, vectors, version)
            if version is not None:
                index_versions(connection, name)
                list_versions(connection, name, [version])
            if kind != "flat" and len(vectors):
                method = {"ivf": "ivfflat", "hnsw": "hnsw"}[kind]
                given = (
                    sql.SQL("WITH (lists = {})").format(sql.Literal(_lists(len(vectors)))) if kind == "ivf" else None
                )
                indexed = sql.SQL("CREATE INDEX ON {} USING {} (embedding vector_ip_ops) {}")
                connection.execute(indexed.format(table, sql.SQL(method), given or sql.SQL("")))

    def _copy(self, connection: Any, name: str, first: int, vectors: Written, version: int | None) -> None:
        """Add rows, in the positions from ``first`` on."""
        sql = self._psycopg.sql
        columns, types = "position, label_set, embedding", ["int4", "int4", "vector"]
        added = () if version is None else (version,)
        if added:
            columns, types = f"{columns}, added", [*types, "int8"]
        copied = sql.SQL(f"COPY {{}} ({columns}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(name))
        with connection.cursor() as cursor, cursor.copy(copied) as copy:
            copy.set_types(types)
            for start, part, label_sets in vectors.blocks():
                for row, (vector, label_set) in enumerate(zip(part, label_sets.tolist(), strict=True), first + start):
                    copy.write_row((row, label_set, vector, *added))

    def _open(self, folder: Path, name: str, dimension: int, kind: str, version: int | None) -> PgvectorStore:
        sql = self._psycopg.sql
        counted = sql.SQL("SELECT count(*) FROM {}" + (f" WHERE {OF_VERSION}" if version is not None else ""))
        with in_words_of(self._address), self.connections().connection() as connection:
            there = connection.execute(_DIMENSION, [name]).fetchone()
            if there is None:
                raise IntegrityError(folder, f"{self._address} has no table {name}")
            if there[0] != dimension:
                problem = f"{self._address} has vectors of {there[0]} numbers in {name}, not {dimension}"
                raise IntegrityError(folder, problem)
            if version is not None and version not in listed(connection, name):
                raise IntegrityError(folder, f"{self._address} has no version {version} of {name}")
            given = {"version": version} if version is not None else None
            size = int(connection.execute(counted.format(sql.Identifier(name)), given).fetchone()[0])
        return PgvectorStore(self, self._address, name, dimension, size, kind, version)

    def drop(self, name: str) -> None:
        """As the protocol says."""
        sql = self._psycopg.sql
        with in_words_of(self._address), self.connections().connection() as connection:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))

    def close(self) -> None:
        """As the protocol says."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def connections(self) -> Any:
        """The pool; it connects again where the server was started anew."""
        with self._opening:
            if self._pool is None:
                place = self._place()
                with self._psycopg.connect(place, connect_timeout=_SECONDS_TO_CONNECT) as connection:
                    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                self._pool = self._pools.ConnectionPool(
                    place,
                    min_size=1,
                    max_size=_MOST_CONNECTIONS,
                    timeout=_SECONDS_TO_CONNECT,
                    configure=self._register,
                    check=self._pools.ConnectionPool.check_connection,
                    open=True,
                )
            return self._pool

    def _place(self) -> str:
        return str(self._psycopg.conninfo.make_conninfo(self._address.place, application_name="wbrag"))


class PgvectorStore:
    """A ``VectorStore`` over one table, and a ``SlotStore`` over one version of it."""

    keeps_vectors = True

    def __init__(
        self,
        backend: PgvectorBackend,
        address: StoreAddress,
        name: str,
        dimension: int,
        size: int,
        kind: str,
        version: int | None,
    ) -> None:
        sql = load_psycopg().sql
        table, here = sql.Identifier(name), OF_VERSION if version is not None else "true"
        rows = f"SELECT position, embedding FROM {{}} WHERE {here}"
        nearest = "ORDER BY embedding <#> %(query)s LIMIT %(width)s"
        self._all = sql.SQL(f"{rows} {nearest}").format(table)
        self._some = sql.SQL(f"{rows} AND label_set = ANY(%(sets)s) {nearest}").format(table)
        self._by_position = sql.SQL(f"{rows} AND position = ANY(%(positions)s)").format(table)
        self._backend, self._address, self._name, self._version = backend, address, name, version
        self.dimension, self._size, self._kind = dimension, size, kind

    def __len__(self) -> int:
        return self._size

    def nearest(self, queries: Vectors, width: int, visible: Visible | None) -> tuple[Vectors, Positions]:
        """As the protocol says."""
        return self.among(queries, width, None if visible is None else visible.sets)

    def among(self, queries: Vectors, width: int, sets: Sequence[int] | None) -> tuple[Vectors, Positions]:
        """As the protocol says."""
        asked = self._all if sets is None else self._some
        given = [(asked, {"query": query, "width": width, "sets": sets}) for query in queries]
        # pgvector filters what an approximate index found, and finds too few then: so it looks at all of them.
        if sets is not None or self._kind == "flat" or width > _MOST_FOUND:
            return candidate_arrays(queries, width, self._rows(given, _EXACTLY))
        rows = self._rows(given, _efforts(self._kind, self._size))
        # The rows of other versions are such a filter too, though a weak one.
        enough = min(width, self._size) if self._version is not None else 0
        short = [row for row, hits in enumerate(rows) if len(hits) < enough]
        for row, hits in zip(short, self._rows([given[row] for row in short], _EXACTLY), strict=True):
            rows[row] = hits
        return candidate_arrays(queries, width, rows)

    def vectors_at(self, positions: Positions) -> Vectors:
        """As the protocol says."""
        blocks = [positions[start : start + _AT_ONCE] for start in range(0, len(positions), _AT_ONCE)]
        found = self._rows([(self._by_position, {"positions": block.tolist()}) for block in blocks], ())
        return in_order(positions, [row for rows in found for row in rows], self.dimension, str(self._address))

    def _rows(
        self, questions: Sequence[tuple[Any, dict[str, Any]]], settings: Sequence[str]
    ) -> list[list[tuple[int, Any]]]:
        """What each question gives, all asked in one round trip and one transaction with these settings."""
        if not questions:
            return []
        with in_words_of(self._address), self._backend.connections().connection() as connection:
            with connection.pipeline():
                for setting in settings:
                    connection.execute(setting)
                cursors = [connection.cursor(binary=True) for _ in questions]
                for cursor, (asked, given) in zip(cursors, questions, strict=True):
                    cursor.execute(asked, {**given, "version": self._version})
                # Asked last: where the version is still there, nothing of it had gone when its rows were read.
                comment = connection.execute(COMMENT, {"name": self._name}) if self._version is not None else None
            if comment is not None and self._version not in versions_in(comment.fetchone()[0]):
                problem = f"no longer has the state that is open (version {self._version} of {self._name})"
                raise VectorStoreError(str(self._address), f"{problem}; what is served now can be opened")
            return [[(position, vector.to_numpy()) for position, vector in cursor.fetchall()] for cursor in cursors]


def _lists(size: int) -> int:
    """As pgvector's documentation recommends."""
    return max(1, size // 1000 if size <= 1_000_000 else math.isqrt(size))


def _efforts(kind: str, size: int) -> tuple[str, ...]:
    if kind == "hnsw":
        return (f"SET LOCAL hnsw.ef_search = {_MOST_FOUND * 2}",)
    return (f"SET LOCAL ivfflat.probes = {max(10, math.isqrt(_lists(size)))}",)
