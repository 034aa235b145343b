"""Dagster's records in a real Postgres are redacted and searched, and nothing else in that database is touched."""

import json
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest

from tests.forgetting.conftest import Written
from tests.forgetting.test_traces import SECRET, STAYS, with_a_secret
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.forgetting.forget import forget, resume
from wbrag_pipeline.forgetting.record_database import DAGSTER_TABLES, RecordDatabase, record_databases

sqlalchemy = pytest.importorskip("sqlalchemy")
pytest.importorskip("dagster_postgres", reason="dagster-postgres is not installed")
pytest.importorskip("psycopg2", reason="psycopg2 is not installed")


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """A new database of its own, as SQLAlchemy writes its address."""
    address = postgres.replace("postgresql://", "postgresql+psycopg2://", 1)
    name = f"dagster_{uuid.uuid4().hex[:8]}"
    outside = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    with outside.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sqlalchemy.make_url(address).set(database=name).render_as_string(hide_password=False)
    with outside.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        found = connection.exec_driver_sql(query)
        return [tuple(row) for row in found] if found.returns_rows else []


def everything(database: str) -> str:
    """All values of all tables, compressed ones too, read in a way of the test's own."""
    told = []
    for (table,) in rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        for value in (value for row in rows(database, f'SELECT * FROM "{table}"') for value in row):
            if isinstance(value, memoryview):
                value = zlib.decompress(bytes(value)).decode()
            told.append(str(value))
    return "\n".join(told)


def sends_records_to(written: Written, storage: dict[str, Any]) -> Path:
    """Dagster's folder with a configuration that names the storage."""
    folder = written.settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(json.dumps({**storage, "telemetry": {"enabled": False}}), encoding="utf-8")
    return folder


def recorded(folder: Path) -> None:
    """Runs in that instance: an asset whose metadata, log, tags and partition say something, and one that fails."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def told(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        context.log.info(f"It says: {SECRET}")
        return dg.MaterializeResult(metadata={"preview": dg.MetadataValue.md(f"| text |\n|---|\n| {SECRET} |")})

    @dg.asset
    def failed() -> None:
        raise ValueError(SECRET)

    @dg.asset
    def fine() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"preview": STAYS})

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        dg.materialize([told], instance=instance, partition_key="a", tags={"wbrag/said": SECRET})
        dg.materialize([failed], instance=instance, raise_on_error=False)
        dg.materialize([fine], instance=instance)


@pytest.mark.parametrize("form", ["url", "variable", "parts", "three storages"])
def test_dagsters_records_in_postgres_go(
    written: Written, database: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_secret(written)
    monkeypatch.setenv("RECORDS", database)
    host = parse_qs(urlsplit(database).query)["host"][0]
    url = sqlalchemy.make_url(database)
    parts = {
        "username": url.username,
        "password": "",
        "hostname": "",
        "db_name": url.database,
        "params": {"host": host},
    }
    one = {"url": {"postgres_url": database}, "parts": {"postgres_db": {**parts, "scheme": "postgresql+psycopg2"}}}
    settings = one.get(form, {"postgres_url": {"env": "RECORDS"}})
    storage: dict[str, Any] = {"storage": {"postgres": settings}}
    if form == "three storages":
        storage = {
            f"{kind}_storage": {"module": "dagster_postgres", "class": name, "config": settings}
            for kind, name in (
                ("run", "PostgresRunStorage"), ("event_log", "PostgresEventLogStorage"),
                ("schedule", "PostgresScheduleStorage"),
            )
        }  # fmt: skip
    folder = sends_records_to(written, storage)
    recorded(folder)
    assert SECRET in everything(database)
    certificate = forget(written.settings, "passage", ["1"])
    told = everything(database)
    assert "seventeen thousand" not in told and STAYS in told
    assert certificate.unread == ()
    (place,) = (place for place in certificate.places if place.startswith("Dagster's records in postgresql://"))
    assert certificate.places[place] > 3 and database.rpartition("@")[0] not in place
    assert any("write-ahead log" in line for line in certificate.lines())
    # Dagster reads what is left as before.
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert len(instance.get_runs()) == 3
        event = instance.get_latest_materialization_event(dg.AssetKey("fine"))
        assert event is not None and event.asset_materialization is not None
        assert event.asset_materialization.metadata["preview"].value == STAYS
        told_event = instance.get_latest_materialization_event(dg.AssetKey("told"))
        assert told_event is not None and "seventeen" not in str(told_event)


def test_tables_that_are_not_dagsters_are_not_touched(written: Written, database: str) -> None:
    with_a_secret(written)
    folder = sends_records_to(written, {"storage": {"postgres": {"postgres_url": database}}})
    recorded(folder)
    rows(database, "CREATE TABLE documents (id int, text text)")
    rows(database, f"INSERT INTO documents VALUES (1, '{SECRET.replace(chr(39), chr(39) * 2)}')")
    before = rows(database, "SELECT *, xmin::text, ctid::text FROM documents")
    forget(written.settings, "passage", ["1"])
    assert rows(database, "SELECT *, xmin::text, ctid::text FROM documents") == before


def test_a_database_that_cannot_be_reached_is_named_and_cleaned_when_it_can(
    written: Written, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_secret(written)
    folder = sends_records_to(written, {"storage": {"postgres": {"postgres_url": {"env": "RECORDS"}}}})
    monkeypatch.setenv("RECORDS", database)
    recorded(folder)
    monkeypatch.delenv("RECORDS")
    with pytest.raises(WbragError, match=r"dagster\.yaml: names a Postgres by the variable RECORDS, which is not set"):
        forget(written.settings, "passage", ["1"])
    monkeypatch.setenv("RECORDS", "postgresql+psycopg2://u:sesame@127.0.0.1:1/d")
    with pytest.raises(WbragError, match="cannot be cleaned and searched") as refused:
        resume(written.settings)
    assert "sesame" not in str(refused.value)
    assert SECRET in everything(database)
    monkeypatch.setenv("RECORDS", database)
    certificate = resume(written.settings)
    assert "seventeen" not in everything(database) and certificate.unread == ()


def test_tables_are_rewritten_by_the_command_that_goes_on_after_a_kill(
    written: Written, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_secret(written)
    folder = sends_records_to(written, {"storage": {"postgres": {"postgres_url": database}}})
    recorded(folder)
    old = dict(rows(database, "SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relname = 'event_logs'"))

    def killed(self: RecordDatabase, phrases: Any) -> None:
        rows(database, "UPDATE event_logs SET event = '{}'")  # the values are changed, and no table is rewritten
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RecordDatabase, "redact", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(written.settings, "passage", ["1"])
    resume(written.settings)
    new = dict(rows(database, "SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relname = 'event_logs'"))
    assert new != old


def test_the_tables_are_those_of_the_installed_dagster() -> None:
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    kinds = (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata)
    assert {table for kind in kinds for table in kind.tables} == set(DAGSTER_TABLES)


def test_what_is_no_postgres_stays_unknown(written: Written) -> None:
    folder = sends_records_to(written, {"storage": {"mysql": {"mysql_url": "mysql://h/d"}}})
    assert record_databases(folder / "dagster.yaml") == []
    with_a_secret(written)
    (told,) = forget(written.settings, "passage", ["1"]).unread
    assert told.endswith("dagster.yaml: Dagster's records may be where storage says")
