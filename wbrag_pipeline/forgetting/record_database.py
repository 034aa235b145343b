"""Dagster's records in Postgres, where its ``dagster.yaml`` sends them there: redacted, and searched afterwards.

Only Dagster's own tables are touched: the database may be shared. Where one held a phrase they are rewritten (``VACUUM
FULL``), since Postgres keeps the old version of a changed row in its file; nobody reads a table for that moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.forgetting.phrases import Phrases
from wbrag_pipeline.forgetting.record_values import RecordValue, redacted, traces_among

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Dagster's tables; a test compares them with those of the installed version.
DAGSTER_TABLES = (
    *("runs", "run_tags", "snapshots", "daemon_heartbeats", "bulk_actions", "backfill_tags", "instance_info", "kvs"),
    *("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions", "dynamic_partitions"),
    *("concurrency_limits", "concurrency_slots", "pending_steps", "secondary_indexes"),
    *("instigators", "jobs", "job_ticks", "asset_daemon_asset_evaluations"),
)
# What the database keeps of rows that were changed.
KEEPS = "its write-ahead log, its replicas and its backups may keep the old rows"

_STORAGES = ("storage", "run_storage", "event_log_storage", "schedule_storage")
_FILES = ("compute_logs", "local_artifact_storage")
_LOCK_SECONDS = 60


@dataclass(frozen=True)
class RecordDatabase:
    """A Postgres that a ``dagster.yaml`` names. settings: what stands below ``postgres`` or ``config`` there."""

    settings: dict[str, Any]

    @property
    def address(self) -> str:
        """For people: without user and password."""
        url = self._url()
        return f"postgresql://{url.host or url.query.get('host', 'localhost')}/{url.database}"

    def count(self, phrases: Phrases) -> int:
        """How many values of Dagster's tables hold a phrase. Raises WbragError."""
        with self._connected() as connection:
            return sum(
                len(set(_traces(connection, table, column, phrases))) for table, column in _text_columns(connection)
            )

    def redact(self, phrases: Phrases) -> None:
        """Take the phrases out of Dagster's tables, and rewrite all of these tables. Raises WbragError."""
        import sqlalchemy as sa

        with self._connected() as connection:
            columns = _text_columns(connection)
            for table, column in columns:
                for value in set(_traces(connection, table, column, phrases)):
                    here, which = sa.table(table, sa.column(column)), sa.column(column) == value
                    try:
                        with connection.begin_nested():
                            connection.execute(here.update().where(which).values({column: redacted(value, phrases)}))
                    except sa.exc.IntegrityError:  # another row says the same already
                        connection.execute(here.delete().where(which))
            connection.commit()
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in sorted({table for table, _ in columns}):
                alone.exec_driver_sql(f'VACUUM FULL "{table}"')

    def trace(self, phrases: Phrases) -> str | None:
        """What keeps it from being known that no phrase is left; None for nothing."""
        try:
            with self._connected() as connection:
                for table, column in _text_columns(connection):
                    if next(_traces(connection, table, column, phrases), None) is not None:
                        return f"the table {table} of {self.address} holds its words"
        except WbragError as error:
            return str(error)
        return None

    def _url(self) -> Any:
        import sqlalchemy as sa

        if "postgres_url" in self.settings:
            return sa.make_url(str(self._value(self.settings["postgres_url"])))
        found = {key: self._value(value) for key, value in self.settings["postgres_db"].items()}
        query = {key: str(self._value(value)) for key, value in (found.get("params") or {}).items()}
        port = int(found["port"]) if "port" in found else None
        return sa.URL.create(
            str(found.get("scheme") or "postgresql"),
            found.get("username"),
            found.get("password"),
            found.get("hostname"),
            port,
            found.get("db_name"),
            query,
        )

    def _value(self, value: Any) -> Any:
        """A value of the configuration, also from the variable that it names."""
        if not (isinstance(value, dict) and set(value) == {"env"}):
            return value
        if (found := os.environ.get(str(value["env"]))) is None:
            raise WbragError(f"names a Postgres by the variable {value['env']}, which is not set: set it")
        return found

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            import sqlalchemy as sa

            engine = sa.create_engine(self._url(), poolclass=sa.NullPool)
            with engine.connect() as connection:
                connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
                connection.commit()
                yield connection
        except ImportError as error:
            raise WbragError(f"names a Postgres, and its driver is not installed ({error.name}): install it") from error
        except (sa.exc.SQLAlchemyError, ValueError, KeyError) as error:
            problem = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise WbragError(f"names a Postgres that cannot be cleaned and searched: {problem}") from error


def record_databases(configuration: Path) -> list[RecordDatabase]:
    """The databases that a ``dagster.yaml`` names, each once."""
    found = _parsed(configuration) or {}
    settings = [postgres for name in _STORAGES if (postgres := _postgres_settings(found.get(name))) is not None]
    return [RecordDatabase(s) for at, s in enumerate(settings) if s not in settings[:at]]


def unknown_places(configuration: Path) -> list[str]:
    """Where Dagster may keep records that are neither below its folder nor in Postgres."""
    found = _parsed(configuration)
    if found is None:
        return [f"{configuration}: is no YAML, so it is not known where Dagster keeps its records"]
    named = [name for name in _STORAGES if name in found and _postgres_settings(found[name]) is None]
    named += [name for name in _FILES if name in found]
    return [f"{configuration}: Dagster's records may be where {', '.join(named)} says"] if named else []


def _parsed(configuration: Path) -> dict[str, Any] | None:
    try:
        found = yaml.safe_load(configuration.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return found if isinstance(found, dict) else {}


def _postgres_settings(storage: Any) -> dict[str, Any] | None:
    """What stands below ``postgres:``, or below ``config:`` of a class of dagster_postgres."""
    settings = storage.get("postgres", storage.get("config")) if isinstance(storage, dict) else None
    known = isinstance(settings, dict) and ("postgres_url" in settings or "postgres_db" in settings)
    return settings if known else None


def _text_columns(connection: Connection) -> list[tuple[str, str]]:
    """Table and column, where Dagster's tables hold text or bytes."""
    import sqlalchemy as sa

    there = sa.inspect(connection)
    kinds = (sa.String, sa.LargeBinary)
    return [
        (table, column["name"])
        for table in there.get_table_names()
        if table in DAGSTER_TABLES
        for column in there.get_columns(table)
        if isinstance(column["type"], kinds)
    ]


def _traces(connection: Connection, table: str, column: str, phrases: Phrases) -> Iterator[RecordValue]:
    asked = f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'
    in_parts = {"stream_results": True, "yield_per": 500}
    with connection.exec_driver_sql(asked, execution_options=in_parts) as found:
        yield from traces_among((bytes(v) if isinstance(v, memoryview) else v for (v,) in found), phrases)
