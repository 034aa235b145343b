"""Tables as LangChain, LlamaIndex and people make them: recognised, or refused with the columns there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.publishing.conftest import DIMENSION, MakeStore, Releases, unit_id
from tests.publishing.stores import PostgresStore, numbers
from tests.publishing.test_publish import to, wbrag
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.publishing.publish import publish, unpublish
from wbrag_pipeline.publishing.target_address import parse_target

LANGCHAIN_COLLECTIONS = (
    "CREATE TABLE {schema}.langchain_pg_collection (uuid uuid PRIMARY KEY, name varchar, cmetadata json)"
)
LANGCHAIN = (
    "CREATE TABLE {table} (id varchar PRIMARY KEY, collection_id uuid, embedding vector, document varchar, "
    "cmetadata jsonb)"
)
LANGCHAIN_STORE = (
    "CREATE TABLE {table} (langchain_id uuid PRIMARY KEY, content text NOT NULL, embedding vector(8) NOT NULL, "
    "langchain_metadata json)"
)
LLAMA_INDEX = (
    "CREATE TABLE {table} (id bigserial PRIMARY KEY, text varchar NOT NULL, metadata_ json, node_id varchar, "
    "embedding vector(8), text_search_tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', text)) STORED)"
)
UNITS = {"one": "The first unit.", "two": "The second."}


@pytest.fixture
def table(postgres: str) -> Callable[..., PostgresStore]:
    def make(create: str, name: str = "passages") -> PostgresStore:
        return PostgresStore(postgres, DIMENSION, create=create, name=name)

    return make


def rows(store: PostgresStore, query: str) -> list[Any]:
    with store.connect() as connection:
        return connection.execute(query.format(table=store.table, schema=store.schema)).fetchall()


def run(store: PostgresStore, *statements: str) -> None:
    with store.connect() as connection:
        for statement in statements:
            connection.execute(statement.format(table=store.table, schema=store.schema))


def test_langchains_table_with_the_collection_that_is_named(
    releases: Releases, table: Callable[..., PostgresStore]
) -> None:
    store = table(LANGCHAIN, "langchain_pg_embedding")
    run(
        store,
        LANGCHAIN_COLLECTIONS,
        "INSERT INTO {schema}.langchain_pg_collection VALUES "
        "('11111111-1111-1111-1111-111111111111', 'handbook'), ('22222222-2222-2222-2222-222222222222', 'wiki/en')",
        "INSERT INTO {table} VALUES ('a', '11111111-1111-1111-1111-111111111111', "
        f"'{numbers(DIMENSION, 1)}', 'mine', NULL)",
    )
    releases.release(UNITS)
    with pytest.raises(InputError, match=r"'handbook', 'wiki/en'"):
        to(releases, store)
    with pytest.raises(InputError, match=r"'nothing' is none"):
        publish(releases.settings, "b", "c", parse_target(store.address + "/nothing"))
    assert publish(releases.settings, "b", "c", parse_target(store.address + "/wiki/en"), dry_run=True).written == 2
    address = parse_target(store.address + "/handbook")
    publish(releases.settings, "b", "c", address)
    found = rows(store, "SELECT collection_id::text, document, cmetadata->>'wbrag_unit' FROM {table} WHERE id <> 'a'")
    assert {row[0] for row in found} == {"11111111-1111-1111-1111-111111111111"}
    assert {row[1:] for row in found} == {(text, unit_id(name)) for name, text in UNITS.items()}
    # Another collection of the same table is another target.
    with store.connect() as connection:
        connection.execute(
            f"UPDATE {store.table} SET collection_id = '22222222-2222-2222-2222-222222222222' WHERE id <> 'a'"
        )
    assert unpublish(releases.settings, "b", address) == 0
    assert rows(store, "SELECT count(*) FROM {table}") == [(3,)]


def test_langchains_newer_table(releases: Releases, table: Callable[..., PostgresStore]) -> None:
    store = table(LANGCHAIN_STORE)
    releases.release(UNITS)
    to(releases, store)
    to(releases, store)
    assert {row[0] for row in rows(store, "SELECT content FROM {table}")} == set(UNITS.values())


def test_llamaindex_table_gets_nodes(releases: Releases, table: Callable[..., PostgresStore]) -> None:
    store = table(LLAMA_INDEX, "data_handbook")
    releases.release(UNITS)
    to(releases, store)
    to(releases, store)
    found = rows(store, "SELECT node_id, text, metadata_ FROM {table}")
    assert {row[1] for row in found} == set(UNITS.values())
    for node_id, _, metadata in found:
        node = json.loads(metadata["_node_content"])
        assert node["id_"] == node_id and node["metadata"]["wbrag_release"] == "r000001"
        assert metadata["_node_type"] == "TextNode"
    unpublish(releases.settings, "b", parse_target(store.address))
    assert rows(store, "SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE {table} (id bigserial PRIMARY KEY, embedding vector(8), content text, metadata jsonb)",
        "CREATE TABLE {table} (id int GENERATED ALWAYS AS IDENTITY, embedding vector(8), chunk text, m json)",
        "CREATE TABLE {table} (key uuid PRIMARY KEY, v vector, title text, body text NOT NULL, meta jsonb)",
        'CREATE TABLE {table} ("Id" text PRIMARY KEY, "Text" varchar, "Vector" vector(8), "Meta" jsonb)',
        "CREATE TABLE {table} (embedding vector(8), other vector(3), text text, metadata jsonb, extra int DEFAULT 7)",
        "CREATE TABLE {table} (tenant int DEFAULT 1, id text, embedding vector(8), text text, metadata jsonb, "
        "PRIMARY KEY (tenant, id))",
    ],
    ids=["bigserial", "identity", "uuid and title", "capitals", "no key", "key of two"],
)
def test_plain_tables(releases: Releases, table: Callable[..., PostgresStore], create: str) -> None:
    store = table(create)
    first = releases.release(UNITS)
    to(releases, store)
    releases.release({"two": "The second."})
    to(releases, store)
    assert rows(store, "SELECT count(*) FROM {table}") == [(1,)]
    to(releases, store, release=first)
    assert rows(store, "SELECT count(*) FROM {table}") == [(2,)]
    unpublish(releases.settings, "b", parse_target(store.address))
    assert rows(store, "SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(
    ("create", "said"),
    [
        (
            "CREATE TABLE {table} (id text, text text, metadata jsonb)",
            r"no column that may hold the vector.*id \(text\)",
        ),
        ("CREATE TABLE {table} (v1 vector(8), v2 vector(8), text text, m jsonb)", "several columns.*v1, v2"),
        ("CREATE TABLE {table} (v vector(8), a text, b text, m jsonb)", "several columns.*a, b"),
        ("CREATE TABLE {table} (id int PRIMARY KEY, v vector(8), text text, m jsonb)", "'id'.*int4.*no default"),
        ("CREATE TABLE {table} (v vector(8), text text, m jsonb, tenant int NOT NULL)", "wants a value in 'tenant'"),
        ("CREATE TABLE {table} (v vector(8), text text)", "a column wbrag.*--create"),
    ],
)
def test_tables_that_units_cannot_be_written_to(
    releases: Releases, table: Callable[..., PostgresStore], create: str, said: str
) -> None:
    store = table(create)
    releases.release(UNITS)
    with pytest.raises(InputError, match=said):
        to(releases, store)
    assert rows(store, "SELECT count(*) FROM {table}") == [(0,)]


def test_a_column_for_marks_is_added_with_create_alone(releases: Releases, table: Callable[..., PostgresStore]) -> None:
    store = table("CREATE TABLE {table} (v vector(8), text text)")
    run(store, f"INSERT INTO {{table}} VALUES ('{numbers(DIMENSION, 1)}', 'mine')")
    releases.release(UNITS)
    told = to(releases, store, create=True, dry_run=True).made
    assert "wbrag (jsonb)" in told[0] and len(rows(store, "SELECT * FROM {table}")[0]) == 2
    to(releases, store, create=True)
    assert rows(store, "SELECT text FROM {table} WHERE wbrag IS NULL") == [("mine",)]
    assert rows(store, "SELECT count(*) FROM {table} WHERE wbrag ? 'wbrag_release'") == [(2,)]


def test_dimensions_of_a_column_without_any_are_those_of_its_rows(
    releases: Releases, table: Callable[..., PostgresStore]
) -> None:
    store = table("CREATE TABLE {table} (v vector, text text, m jsonb)")
    run(store, "INSERT INTO {table} VALUES ('[1,2,3]', 'mine')")
    releases.release(UNITS)
    with pytest.raises(InputError, match=r"3 dimensions.*8"):
        to(releases, store)


def test_a_users_unique_index_that_is_hit_is_told_without_the_row(
    releases: Releases, table: Callable[..., PostgresStore]
) -> None:
    store = table("CREATE TABLE {table} (v vector(8), text text UNIQUE, metadata jsonb)")
    run(store, f"INSERT INTO {{table}} VALUES ('{numbers(DIMENSION, 1)}', 'The first unit.')")
    releases.release(UNITS)
    code, output = wbrag("publish", "b", "--to", store.address)
    assert code == 1 and "unique" in output and "The first unit" not in output
    assert rows(store, "SELECT count(*) FROM {table}") == [(1,)]  # one transaction: nothing of it is there


@pytest.mark.parametrize(
    "name", ["two words", 'q"uote', "dots.in.it", "a/b", "UPPER", "таблица", "x'; DROP TABLE y; --"]
)
def test_names_of_tables_with_odd_characters(releases: Releases, postgres: str, name: str) -> None:
    import psycopg
    from psycopg import sql

    releases.release(UNITS)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE TABLE {} (id text, embedding vector(8), text text, metadata jsonb)").format(
                sql.Identifier(name)
            )
        )
        try:
            address = parse_target(f"pgvector:{postgres}#{name}")
            assert publish(releases.settings, "b", "c", address).written == 2
            assert unpublish(releases.settings, "b", address) == 2
        finally:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


def qdrant(folder: Path, vectors: Any, payload: dict[str, Any] | None = None) -> Any:
    qdrant_client = pytest.importorskip("qdrant_client")
    client = qdrant_client.QdrantClient(path=str(folder))
    client.create_collection("p", vectors_config=vectors)
    if payload is not None:
        point = qdrant_client.models.PointStruct(id=1, vector=numbers(DIMENSION, 1), payload=payload)
        client.upsert("p", points=[point])
    client.close()
    return parse_target(f"qdrant:{folder}#p")


def payloads(folder: Path) -> list[dict[str, Any]]:
    from qdrant_client import QdrantClient

    client = QdrantClient(path=str(folder))
    found, _ = client.scroll("p", limit=100)
    client.close()
    return [point.payload for point in found if point.id != 1]


@pytest.mark.parametrize(
    ("others", "text", "marks"),
    [
        ({"page_content": "x", "metadata": {"source": "s"}}, "page_content", "metadata"),
        ({"contents": "x", "id": "7"}, "contents", None),
        ({"_node_content": "{}", "_node_type": "TextNode", "doc_id": "d"}, "text", None),
        ({}, "text", None),
    ],
    ids=["langchain", "plain", "llamaindex", "nothing to go by"],
)
def test_qdrant_payloads_as_the_points_of_others_have_them(
    releases: Releases, tmp_path: Path, others: dict[str, Any], text: str, marks: str | None
) -> None:
    models = pytest.importorskip("qdrant_client").models
    space = models.VectorParams(size=DIMENSION, distance=models.Distance.DOT)
    address = qdrant(tmp_path / "q", space, others)
    releases.release(UNITS)
    publish(releases.settings, "b", "c", address)
    found = payloads(tmp_path / "q")
    assert {payload[text] for payload in found} == set(UNITS.values())
    for payload in found:
        inner = payload[marks] if marks else payload
        assert inner["wbrag_release"] == "r000001" and len(inner["wbrag_sources"]) == 1
        # LlamaIndex reads the text of a point from the node.
        assert "_node_content" not in others or json.loads(payload["_node_content"])["text"] == payload[text]
    assert unpublish(releases.settings, "b", address) == 2


def test_one_of_several_named_vectors(releases: Releases, tmp_path: Path) -> None:
    models = pytest.importorskip("qdrant_client").models
    spaces = {
        "dense": models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE),
        "image": models.VectorParams(size=3, distance=models.Distance.COSINE),
    }
    address = qdrant(tmp_path / "q", spaces)
    releases.release(UNITS)
    with pytest.raises(InputError, match=r"several vectors.*'dense', 'image'"):
        publish(releases.settings, "b", "c", address)
    with pytest.raises(InputError, match=r"3 dimensions.*8"):
        publish(releases.settings, "b", "c", address, columns="vector=image")
    assert publish(releases.settings, "b", "c", address, columns="vector=dense").written == 2


def lance(folder: Path, rows: list[dict[str, Any]], schema: Any) -> Any:
    import pyarrow as pa

    lancedb = pytest.importorskip("lancedb")
    lancedb.connect(folder).create_table("p", data=pa.Table.from_pylist(rows, schema=schema))
    return parse_target(f"lancedb:{folder}#p")


def test_lance_tables_of_langchain_and_llamaindex_and_columns_that_cannot_be_filled(
    releases: Releases, tmp_path: Path
) -> None:
    import pyarrow as pa

    lancedb = pytest.importorskip("lancedb")
    releases.release(UNITS)
    vector = pa.field("vector", pa.list_(pa.float32(), DIMENSION))
    struct = pa.struct([("_node_content", pa.string()), ("page", pa.int64())])
    kinds = {"langchain": pa.string(), "llamaindex": struct}
    for name, kind in kinds.items():
        schema = pa.schema([vector, ("id", pa.string()), ("text", pa.string()), ("metadata", kind)])
        address = lance(tmp_path / name, [], schema)
        with pytest.raises(InputError, match=r"wbrag_release.*--create"):
            publish(releases.settings, "b", "c", address)
        publish(releases.settings, "b", "c", address, create=True)
        found = lancedb.connect(tmp_path / name).open_table("p").to_arrow().to_pylist()
        assert {row["text"] for row in found} == set(UNITS.values())
        metadata = [row["metadata"] for row in found]
        assert all(json.loads(one["_node_content"] if name == "llamaindex" else one) for one in metadata)
    schema = pa.schema([vector, ("text", pa.string()), pa.field("tenant", pa.int64(), nullable=False)])
    address = lance(tmp_path / "required", [{"vector": numbers(DIMENSION, 1), "text": "mine", "tenant": 1}], schema)
    with pytest.raises(InputError, match="wants a value in 'tenant'"):
        publish(releases.settings, "b", "c", address, create=True)


def test_a_unit_with_the_character_nul_is_refused_by_postgres_alone(releases: Releases, make_store: MakeStore) -> None:
    releases.release({"one": "a\0b"})
    with pytest.raises(InputError, match="NUL"):
        to(releases, make_store("pgvector"))
    assert to(releases, make_store("qdrant")).written == 1
    assert to(releases, make_store("lancedb")).written == 1
