"""The three stores as a user has them: a collection with passages of his own, read back in a way of the test's own."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, Protocol

ODD = "it's \"odd\" — %s {x} $1 \\ \U0001f600 é\t<b>&amp;</b>\n'; DROP TABLE passages; --"
PASSAGES = [("a", "The first passage."), ('o\'dd "id"%', ODD), ("日本語", "これは文章です。")]


class Store(Protocol):
    """A store with a collection of ``PASSAGES``."""

    address: str

    def foreign(self) -> list[Any]:
        """Every row that is not ours, whole, in an order that stays."""

    def ours(self) -> list[dict[str, Any]]:
        """Marks and ``text`` of each row of ours."""


def numbers(dimension: int, seed: int) -> list[float]:
    return [((seed * 31 + place * 7) % 13) / 13 + 0.01 for place in range(dimension)]


class QdrantStore:
    def __init__(self, folder: Path, dimension: int, name: str = "passages") -> None:
        from qdrant_client import models

        self.folder, self.name, self.address = folder, name, f"qdrant:{folder}#{name}"
        with self.client() as client:
            space = models.VectorParams(size=dimension, distance=models.Distance.COSINE)
            client.create_collection(name, vectors_config=space)
            points = [
                models.PointStruct(
                    id=str(uuid.uuid5(uuid.NAMESPACE_DNS, passage)),
                    vector=numbers(dimension, place),
                    payload={"text": text, "own_id": passage, "tags": ["x", passage]},
                )
                for place, (passage, text) in enumerate(PASSAGES)
            ]
            client.upsert(name, points=points)

    def client(self) -> Any:
        from contextlib import closing

        from qdrant_client import QdrantClient

        return closing(QdrantClient(path=str(self.folder)))

    def _all(self) -> list[Any]:
        with self.client() as client:
            found, _ = client.scroll(self.name, limit=10_000, with_payload=True, with_vectors=True)
        return sorted(found, key=lambda point: str(point.id))

    def foreign(self) -> list[Any]:
        return [point.model_dump_json() for point in self._all() if "wbrag_unit" not in point.payload]

    def ours(self) -> list[dict[str, Any]]:
        return [point.payload for point in self._all() if "wbrag_unit" in point.payload]


class LanceStore:
    def __init__(self, folder: Path, dimension: int, name: str = "passages") -> None:
        import lancedb
        import pyarrow as pa

        self.folder, self.name, self.address = folder, name, f"lancedb:{folder}#{name}"
        schema = pa.schema(
            [
                ("id", pa.string()),
                ("text", pa.string()),
                ("page", pa.int32()),
                ("vector", pa.list_(pa.float32(), dimension)),
            ]
        )
        rows = [
            {"id": passage, "text": text, "page": place, "vector": numbers(dimension, place)}
            for place, (passage, text) in enumerate(PASSAGES)
        ]
        lancedb.connect(folder).create_table(name, data=pa.Table.from_pylist(rows, schema=schema))

    def _all(self) -> list[dict[str, Any]]:
        import lancedb

        return lancedb.connect(self.folder).open_table(self.name).to_arrow().sort_by("id").to_pylist()

    def foreign(self) -> list[Any]:
        own = [row for row in self._all() if not row.get("wbrag_unit")]
        assert all(value is None for row in own for name, value in row.items() if name.startswith("wbrag_"))
        return [{name: value for name, value in row.items() if not name.startswith("wbrag_")} for row in own]

    def ours(self) -> list[dict[str, Any]]:
        return [row for row in self._all() if row.get("wbrag_unit")]


class PostgresStore:
    """Each in a schema of its own."""

    def __init__(self, dsn: str, dimension: int, create: str = "", name: str = "passages") -> None:
        self.dsn, self.schema, self.name = dsn, f"s{uuid.uuid4().hex[:8]}", name
        self.address = f"pgvector:{dsn}#{self.schema}.{name}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {self.schema}")
            connection.execute(
                create.format(table=self.table)
                or f"CREATE TABLE {self.table} (id text PRIMARY KEY, body text NOT NULL, page int, meta jsonb, "
                f"embedding vector({dimension}))"
            )
            if not create:
                for place, (passage, text) in enumerate(PASSAGES):
                    connection.execute(
                        f"INSERT INTO {self.table} VALUES (%s, %s, %s, %s, %s)",
                        [passage, text, place, json.dumps({"tags": [passage]}), str(numbers(dimension, place))],
                    )

    @property
    def table(self) -> str:
        return f'{self.schema}."{self.name}"'

    def connect(self) -> Any:
        import psycopg

        return psycopg.connect(self.dsn)

    def foreign(self) -> list[Any]:
        # xmin and ctid: which transaction wrote the row, and where it lies. Even a write of the same values shows.
        query = (
            f"SELECT xmin::text, ctid::text, t::text FROM {self.table} t WHERE NOT coalesce(meta ? 'wbrag_unit', false)"
        )
        with self.connect() as connection:
            return connection.execute(query + " ORDER BY t::text").fetchall()

    def ours(self) -> list[dict[str, Any]]:
        query = f"SELECT meta, body FROM {self.table} WHERE meta ? 'wbrag_unit' ORDER BY id"
        with self.connect() as connection:
            return [{**meta, "text": body} for meta, body in connection.execute(query).fetchall()]
