"""A table of a Postgres with pgvector: ``pgvector:postgresql://USER@HOST/DATABASE#TABLE``.

Marks are in the table's JSON column. Every write is one transaction, so units are there with all of their columns or
not at all. libpq finds a password by itself: PGPASSWORD, ~/.pgpass, a service.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.publishing.library_shapes import LANGCHAIN, LLAMA_INDEX, llama_index_node
from wbrag_pipeline.publishing.pgvector_table import MARKS_COLUMN, Column, VectorTable, recognised
from wbrag_pipeline.publishing.published_rows import (
    BENCHMARK,
    HOME,
    IDENTITY,
    RELEASE,
    UNIT,
    UnitRows,
    held_frame,
    other_dimensions,
    passage_text,
)
from wbrag_pipeline.publishing.target_address import TargetAddress
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.store_address import load_psycopg

_TABLES = """
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname = %s AND (n.nspname = %s OR (%s = '' AND pg_table_is_visible(c.oid)))
"""
_COLUMNS = """
SELECT a.attname, t.typname, a.atttypmod, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
    coalesce(a.attnum = ANY(k.conkey), false), a.attgenerated <> '' OR a.attidentity = 'a'
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_SECONDS_TO_CONNECT = 20


class PgvectorTarget:
    """A ``UnitTarget``. The name may be ``schema.table``, and ``table/collection`` for LangChain's table."""

    keeps = "the rows are deleted; Postgres frees their space at the next VACUUM, and its backups and log keep them"

    def __init__(self, address: TargetAddress, columns: TargetColumns) -> None:
        psycopg = load_psycopg()
        self._sql = psycopg.sql
        self._address, self._given = address, columns
        parts = psycopg.conninfo.conninfo_to_dict(address.place)
        waits = {} if "connect_timeout" in parts else {"connect_timeout": _SECONDS_TO_CONNECT}
        place = psycopg.conninfo.make_conninfo(address.place, application_name="wbrag", **waits)
        self._connection = psycopg.connect(place, autocommit=True)
        try:
            self._table = self._found()
        except BaseException:
            self.close()
            raise

    @property
    def there(self) -> bool:
        """Whether the table is."""
        return self._table is not None

    @property
    def columns(self) -> TargetColumns:
        """Given, or told by type and name."""
        return self._table.columns if self._table else self._given

    def lacks(self, rows: UnitRows) -> list[str]:
        """The table, or the column for marks."""
        table = self._table
        if table is None:
            return [f"the table {self._address.name}, with vectors of {rows.dimension} dimensions"]
        dimension = table.dimension if table.dimension > 0 else self._dimension_of_a_row(table)
        if dimension not in (0, rows.dimension):
            raise other_dimensions(rows, table.name, dimension)
        if any("\0" in text for column in ("title", "text") for text in rows.table[column]):
            raise InputError("a unit holds the character NUL, which Postgres cannot store", field="--to")
        if table.columns.metadata:
            return []
        return [f"a column {MARKS_COLUMN} (jsonb) of {table.name}, null in every other row, to mark units in"]

    def make(self, rows: UnitRows) -> None:
        """A table of id, text, metadata and embedding; or the column for marks."""
        sql, table = self._sql, self._table
        with self._connection.transaction():
            if table is None:
                schema, _, name = self._address.name.rpartition(".")
                if not self._rows("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
                    self._connection.execute("CREATE EXTENSION vector")
                columns = "id text PRIMARY KEY, text text NOT NULL, metadata jsonb, embedding vector({})"
                self._connection.execute(
                    sql.SQL("CREATE TABLE {} (" + columns + ")").format(
                        sql.Identifier(*filter(None, (schema, name))), sql.Literal(rows.dimension)
                    )
                )
            else:
                self._connection.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN {} jsonb").format(self._name(), sql.Identifier(MARKS_COLUMN))
                )
        self._table = self._found()

    def write(self, rows: UnitRows) -> None:
        """All rows in one transaction."""
        if not len(rows):
            return
        table, sql = self._there(), self._sql
        columns = table.columns
        named = [columns.id, columns.title, columns.text, columns.vector, columns.metadata]
        named.append("collection_id" if table.collection else "")
        filled = [name for name in named if name]
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            self._name(),
            sql.SQL(", ").join(map(sql.Identifier, filled)),
            sql.SQL(", ").join([sql.Placeholder()] * len(filled)),
        )
        values = []
        for row, vector, marks in zip(rows.table.iter_rows(named=True), rows.vectors, rows.marks, strict=True):
            text = row["text"] if columns.title else passage_text(row["title"], row["text"])
            kept = llama_index_node(marks, row["row_id"], text) if table.library == LLAMA_INDEX else marks
            numbers = "[" + ",".join(map(str, vector.tolist())) + "]"
            told = json.dumps(kept, ensure_ascii=False)
            given = (row["row_id"], row["title"], text, numbers, told, table.collection)
            values.append([value for value, name in zip(given, named, strict=True) if name])
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._delete(cursor, rows.held)
            cursor.executemany(insert, values)

    def held(self, benchmark: str) -> pl.DataFrame:
        """Read from the marks."""
        if self._table is None or not self._table.columns.metadata:
            return held_frame([])
        sql = self._sql
        marks = [sql.SQL("{}->>{}").format(self._metadata(), sql.Literal(mark)) for mark in IDENTITY]
        query = sql.SQL("SELECT {} FROM {} WHERE {}->>{} = %s AND {}").format(
            sql.SQL(", ").join(marks), self._name(), self._metadata(), sql.Literal(BENCHMARK), self._scope()
        )
        return held_frame([dict(zip(IDENTITY, row, strict=True)) for row in self._rows(query, [benchmark])])

    def remove(self, held: pl.DataFrame) -> None:
        """One transaction."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._delete(cursor, held)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _delete(self, cursor: Any, held: pl.DataFrame) -> None:
        sql = self._sql
        same = [
            sql.SQL("{}->>{} = %s").format(self._metadata(), sql.Literal(mark)) for mark in (HOME, BENCHMARK, RELEASE)
        ]
        among = sql.SQL("{}->>{} = ANY(%s)").format(self._metadata(), sql.Literal(UNIT))
        query = sql.SQL("DELETE FROM {} WHERE {}").format(
            self._name(), sql.SQL(" AND ").join([*same, among, self._scope()])
        )
        for key, rows in held.group_by(HOME, BENCHMARK, RELEASE, maintain_order=True):
            cursor.execute(query, [*key, rows[UNIT].to_list()])

    def _found(self) -> VectorTable | None:
        name, collection = self._address.name, ""
        while not (found := self._named(name)):
            if "/" not in name:
                return None
            name = name.rpartition("/")[0]
            collection = self._address.name[len(name) + 1 :]
        oid, schema, name = found[0]
        columns = [Column(*row) for row in self._rows(_COLUMNS, [oid])]
        table = recognised(schema, name, columns, self._given)
        if table.library == LANGCHAIN and any(column.name == "collection_id" for column in columns):
            return replace(table, collection=self._collection(schema, name, collection))
        if collection:
            raise InputError(f"{name!r} has no collections, and {collection!r} is named", field="--to")
        return table

    def _named(self, name: str) -> list[Any]:
        found = self._rows(_TABLES, [name, "", ""])
        if not found and "." in name:
            schema, _, table = name.partition(".")
            found = self._rows(_TABLES, [table, schema, schema])
        return found

    def _collection(self, schema: str, name: str, wanted: str) -> str:
        query = self._sql.SQL("SELECT uuid::text, name FROM {} ORDER BY name").format(
            self._sql.Identifier(schema, "langchain_pg_collection")
        )
        there = {collection: uuid for uuid, collection in self._rows(query)}
        if wanted in there or (len(there) == 1 and not wanted):
            return str(there[wanted] if wanted else next(iter(there.values())))
        told = ", ".join(map(repr, there)) or "none"
        raise InputError(
            f"{name!r} holds the collections of LangChain, and "
            + (f"{wanted!r} is none" if wanted else "none is named"),
            field="--to",
            hint=f"name one after the table: #{name}/COLLECTION; there are: {told}",
        )

    def _dimension_of_a_row(self, table: VectorTable) -> int:
        """Length of a vector that is there, 0 where none is."""
        vector = self._sql.Identifier(table.columns.vector)
        query = self._sql.SQL("SELECT vector_dims({}) FROM {} WHERE {} IS NOT NULL AND {} LIMIT 1").format(
            vector, self._name(), vector, self._scope()
        )
        return int(next((row[0] for row in self._rows(query)), 0))

    def _scope(self) -> Any:
        """What limits a statement to one of LangChain's collections."""
        if not self._there().collection:
            return self._sql.SQL("true")
        return self._sql.SQL("collection_id = {}").format(self._sql.Literal(self._there().collection))

    def _there(self) -> VectorTable:
        if self._table is None:
            raise InputError(f"there is no table {self._address.name!r}", field="--to")
        return self._table

    def _name(self) -> Any:
        return self._sql.Identifier(self._there().schema, self._there().name)

    def _metadata(self) -> Any:
        return self._sql.Identifier(self._there().columns.metadata)

    def _rows(self, query: Any, values: list[Any] | None = None) -> list[Any]:
        found: list[Any] = self._connection.execute(query, values).fetchall()
        return found
