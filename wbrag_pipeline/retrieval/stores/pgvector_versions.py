"""Versions of a table in Postgres: which there are, and what adds, removes and drops them, inside a transaction.

::

    added bigint, removed bigint       besides what every table has, see ``pgvector_store``

The versions are listed in the table's comment, so that they change in one transaction with the rows, and go with the
table. No column is updated but ``removed``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from wbrag_pipeline.retrieval.stores.versions import NEVER
from wbrag_pipeline.store_address import load_psycopg

VERSION_COLUMNS = f", added bigint NOT NULL, removed bigint NOT NULL DEFAULT {NEVER}"
OF_VERSION = "added <= %(version)s AND removed > %(version)s"
COMMENT = "SELECT obj_description(to_regclass(%(name)s)::oid, 'pg_class')"
_LIST = re.compile(r"versions(( \d+)*)")


def versions_in(comment: str | None) -> set[int]:
    """The versions that a table's comment lists; none for a comment of somebody else's."""
    found = _LIST.fullmatch(comment or "")
    return {int(version) for version in found[1].split()} if found else set()


def listed(connection: Any, name: str) -> set[int]:
    """The versions of a table; none where there is no such table."""
    return versions_in(connection.execute(COMMENT, {"name": name}).fetchone()[0])


def list_versions(connection: Any, name: str, versions: Collection[int]) -> None:
    """Make these the versions of a table."""
    sql = load_psycopg().sql
    text = " ".join(map(str, ["versions", *sorted(versions)]))
    asked = sql.SQL("COMMENT ON TABLE {} IS {}")
    connection.execute(asked.format(sql.Identifier(name), sql.Literal(text)))


def index_versions(connection: Any, name: str) -> None:
    """Make the index by which a version is counted, and its rows found that are to go."""
    rows_changed(connection, name, "CREATE INDEX ON {} (added, removed)")
    # Or Postgres would take a version for a ninth of the rows, and look elsewhere than in the index of vectors.
    rows_changed(connection, name, "ANALYZE {} (added, removed)")


def keep(connection: Any, name: str, kept: Sequence[int]) -> None:
    """Delete the rows that none of these versions has, and take back what later ones removed."""
    seen = " OR ".join(["false", *(f"(added <= {version:d} AND removed > {version:d})" for version in kept)])
    rows_changed(connection, name, f"DELETE FROM {{}} WHERE NOT ({seen})")
    taken_back = "UPDATE {} SET removed = %(never)s WHERE removed > %(last)s AND removed < %(never)s"
    rows_changed(connection, name, taken_back, last=max(kept, default=0), never=NEVER)


def mark_removed(connection: Any, name: str, slots: Sequence[int], version: int) -> int:
    """Have the rows in these slots removed from this version on; gives how many there were."""
    marked = "UPDATE {} SET removed = %(version)s WHERE position = ANY(%(slots)s) AND removed = %(never)s"
    return rows_changed(connection, name, marked, version=version, slots=slots, never=NEVER)


def rows_changed(connection: Any, name: str, statement: str, **given: Any) -> int:
    """Run a statement on a table, ``{}`` in it; gives how many rows it changed."""
    sql = load_psycopg().sql
    asked = sql.SQL(statement).format(sql.Identifier(name))
    return int(connection.execute(asked, given or None).rowcount)
