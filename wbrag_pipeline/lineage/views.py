"""How lineage is read: DuckDB views over the event files, kept in a database file that holds nothing else.

The file is a convenience that can be made again at any moment, so nobody ever opens it for writing: it is built under
a temporary name and renamed, and readers open it read-only. Parallel runs only add event files and never touch it.
"""

from __future__ import annotations

import glob
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from wbrag_pipeline import storage
from wbrag_pipeline.lineage import refreshes
from wbrag_pipeline.lineage.events import SCHEMAS, damage, prepare_events

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATABASE = "lineage.duckdb"

_VIEWS = """
-- The newest recording of a stage wins within its run: a retried step counts once.
CREATE VIEW stages AS
SELECT *
FROM recorded_stages
QUALIFY row_number() OVER (
    PARTITION BY run_id, variant, asset, "partition" ORDER BY recorded_at DESC, event_id DESC) = 1;

-- The newest recording of a unit wins; is_current says whether the benchmark's newest run still made it.
CREATE VIEW units AS
WITH newest AS (
    SELECT variant, benchmark, arg_max(run_id, (recorded_at, event_id)) AS newest_run
    FROM recorded_units
    GROUP BY variant, benchmark)
SELECT recorded_units.*, run_id = newest_run AS is_current
FROM recorded_units JOIN newest USING (variant, benchmark)
WHERE unit_id IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY variant, benchmark, unit_id ORDER BY recorded_at DESC, event_id DESC) = 1;

CREATE VIEW unit_sources AS
SELECT event_id, run_id, variant, benchmark, corpus, unit_id, place.position, place.source.passage_id,
    place.source.content_hash, place.source.rank, place.source.retrieval_score, place.source.standalone_score, fallback
FROM units, unnest(sources) WITH ORDINALITY AS place(source, position);

-- What the newest curation decided of each unit, and every time that a decision changed.
CREATE VIEW unit_states AS
SELECT *
FROM recorded_curation
QUALIFY unit_id IS NOT NULL AND event_id = first_value(event_id) OVER (
    PARTITION BY variant, benchmark ORDER BY recorded_at DESC, event_id DESC);

CREATE VIEW unit_history AS
SELECT *
FROM recorded_curation
WHERE unit_id IS NOT NULL
QUALIFY (state, reason, kept_by) IS DISTINCT FROM lag((state, reason, kept_by)) OVER (
    PARTITION BY variant, benchmark, unit_id ORDER BY recorded_at, event_id);

-- A release and an evaluation are recorded whole: the newest recording replaces all of an earlier one.
CREATE VIEW releases AS
SELECT *, len(unit_ids) AS units
FROM recorded_releases
QUALIFY row_number() OVER (
    PARTITION BY variant, benchmark, release ORDER BY recorded_at DESC, event_id DESC) = 1;

CREATE VIEW release_units AS
SELECT event_id, run_id, variant, benchmark, release, unnest(unit_ids) AS unit_id
FROM releases;

CREATE VIEW release_decisions AS
SELECT *
FROM recorded_release_decisions
QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY recorded_at, event_id) = 1;

-- Which release was served when; served_until is null for the one that is served still.
CREATE VIEW serving AS
SELECT event_id, run_id, variant, benchmark, release, decided_at AS served_from,
    lead(decided_at) OVER (PARTITION BY variant, benchmark ORDER BY decided_at, decision_id) AS served_until,
    action, actor, reason
FROM release_decisions
WHERE action IN ('promote', 'rollback');

CREATE VIEW publications AS
SELECT *
FROM recorded_publications;

CREATE VIEW evaluations AS
SELECT *
FROM recorded_evaluations
QUALIFY question_id IS NOT NULL AND event_id = first_value(event_id) OVER (
    PARTITION BY variant, benchmark, release ORDER BY recorded_at DESC, event_id DESC);

-- Passages are recorded as "origin:id"; an id may hold colons of its own.
CREATE VIEW evaluation_passages AS
WITH placed AS (
    SELECT e.*, 'without' AS side, got.rank, got.tagged
    FROM evaluations AS e, unnest(e.passages_without) WITH ORDINALITY AS got(tagged, rank)
    UNION ALL
    SELECT e.*, 'with' AS side, got.rank, got.tagged
    FROM evaluations AS e, unnest(e.passages_with) WITH ORDINALITY AS got(tagged, rank))
SELECT event_id, run_id, variant, benchmark, corpus, release, question_id, side, rank,
    split_part(tagged, ':', 1) AS origin, substr(tagged, strpos(tagged, ':') + 1) AS passage_id
FROM placed;

CREATE VIEW events AS
SELECT event_id, 'stage' AS kind, recorded_at, run_id, variant, asset || ' ' || "partition" AS subject, rows
FROM recorded_stages
UNION ALL
SELECT event_id, 'units', recorded_at, run_id, variant, benchmark, count(unit_id)
FROM recorded_units
GROUP BY ALL
UNION ALL
SELECT event_id, 'curation', recorded_at, run_id, variant, benchmark, count(unit_id)
FROM recorded_curation
GROUP BY ALL
UNION ALL
SELECT event_id, 'release', recorded_at, run_id, variant, benchmark || ' ' || release, len(unit_ids)
FROM recorded_releases
UNION ALL
SELECT event_id, 'decision', recorded_at, run_id, variant, benchmark || ' ' || release || ' ' || action, 1
FROM recorded_release_decisions
UNION ALL
SELECT event_id, 'publication', recorded_at, run_id, variant, benchmark || ' ' || release || ' ' || target, units
FROM recorded_publications
UNION ALL
SELECT event_id, 'evaluation', recorded_at, run_id, variant, benchmark || ' ' || release, count(question_id)
FROM recorded_evaluations
GROUP BY ALL
UNION ALL
SELECT event_id, 'refresh', recorded_at, run_id, variant, corpus, added + updated + relabelled + deleted
FROM recorded_refreshes;
"""


def connect(folder: Path) -> DuckDBPyConnection:
    """A connection that reads the events of ``folder`` through the views; the caller closes it.

    Raises IntegrityError, naming the file, when an event file is damaged.
    """
    import duckdb

    definitions = _definitions(folder / "events")
    with suppress(OSError):  # not ours to write: then it is a copy, and has them
        prepare_events(folder / "events")
    try:
        connection = _stored(folder / DATABASE, definitions) or _in_memory(definitions)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SELECT * FROM events LIMIT 0")  # reads every file's footer, so damage is met here
    except duckdb.Error as error:
        raise damage(folder / "events", error) from error
    return connection


def _stored(database: Path, definitions: str) -> DuckDBPyConnection | None:
    """The database opened read-only, made first where it is missing, out of date or damaged.

    None when it cannot be had: somebody holds it open for writing, the folder is not ours to write, or its name is one
    that DuckDB keeps no database under (a "?"). Damaged events end here too, and the views in memory will tell.
    """
    import duckdb

    fingerprint = (storage.sha256_of_text(definitions),)
    for _ in range(3):  # another process may rename a file between two steps of ours
        try:
            connection = duckdb.connect(str(database), read_only=True)
            try:
                if connection.execute("SELECT fingerprint FROM definition").fetchone() == fingerprint:
                    return connection
            except duckdb.Error:
                connection.close()
                raise
            connection.close()
        except duckdb.Error as error:
            if isinstance(error, duckdb.ConnectionException) or "lock on file" in str(error):
                return None
            _set_aside(database)
        try:
            _build(database, definitions)
        except (OSError, duckdb.Error):
            return None
    return None


def _in_memory(definitions: str) -> DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    connection.execute(definitions)
    return connection


def _build(database: Path, definitions: str) -> None:
    import duckdb

    with storage.replacing(database) as temporary:
        try:
            with duckdb.connect(str(temporary)) as connection:
                connection.execute(definitions)
                statement = f"CREATE VIEW definition AS SELECT '{storage.sha256_of_text(definitions)}' AS fingerprint"
                connection.execute(statement)
        finally:
            temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)


def _set_aside(database: Path) -> None:
    # It may not be there, be set aside by another process, or not be ours to write: building it tells.
    with suppress(OSError):
        os.replace(database, database.with_name(f"{database.name}.damaged"))


def _definitions(events: Path) -> str:
    """The script that makes every view. It holds the folder's place, so a moved folder is another script."""
    return "\n".join(_recorded(events, kind, schema) for kind, schema in SCHEMAS.items()) + _VIEWS + refreshes.VIEWS


def _recorded(events: Path, kind: str, schema: pl.Schema) -> str:
    """All rows of one kind, with the columns of its schema: a file of another version may have fewer or more.

    A recording that was merged is in two files for some minutes (``merged_recordings``), and counts once.
    """
    files = f"{glob.escape(str(events.absolute()))}/*.{kind}.parquet".replace("'", "''")
    columns = ", ".join(f'"{name}"' for name in schema)
    return f"""
CREATE VIEW recorded_{kind} AS
SELECT {columns}
FROM read_parquet('{files}', union_by_name = true, hive_partitioning = false, filename = true)
QUALIFY filename = max(filename) OVER (PARTITION BY event_id);
"""
