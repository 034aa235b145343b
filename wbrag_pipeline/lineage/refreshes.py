"""What a refresh did, as rows to record and as nodes to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from wbrag_pipeline.lineage.node import LineageRow, Node, count_of, one_line, recorded_time, rows_of
from wbrag_pipeline.tables import CORPUS_CHANGES, RETIRED_UNITS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COUNTS = ("added", "updated", "relabelled", "deleted", "skipped")
_SHOWN = 5  # ids of each kind

REFRESH_COLUMNS: dict[str, Any] = {
    "corpus": pl.String,
    "from_state": pl.String,  # null for the first
    "to_state": pl.String,
    **dict.fromkeys(COUNTS, pl.Int64),
    # Not of the first refresh, when every passage is added.
    "passages": pl.List(pl.Struct(dict(CORPUS_CHANGES.schema))),
    "units": pl.List(pl.Struct(dict(RETIRED_UNITS.schema))),
}

VIEWS = """
CREATE VIEW refreshes AS
SELECT * FROM recorded_refreshes;

CREATE VIEW refresh_passages AS
SELECT event_id, recorded_at, run_id, corpus, did.passage_id, did.change, did.old_hash, did.new_hash
FROM recorded_refreshes, unnest(passages) AS one(did);

-- The variant is the released unit's, not the refreshing run's.
CREATE VIEW refresh_units AS
SELECT event_id, recorded_at, run_id, corpus, did.variant, did.benchmark, did.unit_id, did.decision, did.reason
FROM recorded_refreshes, unnest(units) AS one(did);
"""


def refresh_row(
    corpus: str,
    from_state: str | None,
    to_state: str,
    counts: Mapping[str, int],
    changes: pl.DataFrame,
    retired: pl.DataFrame,
) -> pl.DataFrame:
    """The columns of one recording. Raises IntegrityError when a table breaks its schema."""
    changes, retired = CORPUS_CHANGES.check(changes), RETIRED_UNITS.check(retired)
    return pl.DataFrame(
        {
            "corpus": [corpus],
            "from_state": [from_state],
            "to_state": [to_state],
            **{name: [counts[name]] for name in COUNTS},
            "passages": [changes.to_dicts() if from_state is not None else []],
            "units": [retired.to_dicts()],
        },
        schema=REFRESH_COLUMNS,
    )


def passage_history(connection: DuckDBPyConnection, passage_id: str) -> dict[str, list[Node]]:
    """What refreshes did to passages of this id, oldest first, by corpus."""
    chosen = "SELECT * FROM refresh_passages WHERE passage_id = $id ORDER BY recorded_at, event_id"
    history: dict[str, list[Node]] = {}
    for row in rows_of(connection, chosen, id=passage_id):
        facts = {
            "content sha256 before": row["old_hash"],
            "content sha256 after": row["new_hash"],
            "run": row["run_id"],
            "recorded": recorded_time(row),
        }
        history.setdefault(row["corpus"], []).append(Node(f"{row['change']} by a refresh", facts))
    return history


def unit_history(connection: DuckDBPyConnection, unit_ids: list[str]) -> list[LineageRow]:
    """Rows of ``refresh_units`` of these units, oldest first."""
    chosen = "SELECT * FROM refresh_units WHERE unit_id IN (SELECT unnest($ids)) ORDER BY recorded_at, event_id"
    return rows_of(connection, chosen, ids=unit_ids)


def decision_node(row: LineageRow) -> Node:
    """One row of ``refresh_units``."""
    facts = {"because": row["reason"], "run": row["run_id"], "recorded": recorded_time(row)}
    return Node(f"{row['decision']} by a refresh of corpus {row['corpus']}", facts)


def summary(corpus: str, counts: Mapping[str, int], changes: pl.DataFrame, retired: pl.DataFrame) -> str:
    """What a refresh did or would do, in lines for people: counts, the first ids of each kind, and the units."""
    lines = [f"corpus {corpus}: " + ", ".join(f"{counts[name]:,} {name}" for name in COUNTS)]
    for (kind,), rows in changes.group_by("change", maintain_order=True):
        lines.append(f"  {kind}: {_some(rows['passage_id'])}")
    for (variant, benchmark, decision), rows in retired.group_by(
        "variant", "benchmark", "decision", maintain_order=True
    ):
        units = count_of(rows.height, "unit")
        lines.append(f"  {benchmark} ({variant}): {units} {decision}: {_some(rows['unit_id'])}")
    return "\n".join(lines)


def _some(ids: pl.Series) -> str:
    more = f" … {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(one_line(name) for name in ids.head(_SHOWN)) + more
