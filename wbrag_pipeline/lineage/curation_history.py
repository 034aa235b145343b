"""What curation decided of a unit, and what it had decided before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbrag_pipeline.lineage.node import LineageRow, Node, count_of, recorded_time, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def decisions(connection: DuckDBPyConnection, unit_ids: list[str]) -> dict[tuple[str, ...], Node]:
    """A node for each unit that was curated, by (variant, benchmark, unit_id): its state, and its history if any."""
    history: dict[tuple[str, ...], list[LineageRow]] = {}
    chosen = "SELECT * FROM {} WHERE unit_id IN (SELECT unnest($ids)) ORDER BY {}"
    for row in rows_of(connection, chosen.format("unit_history", "recorded_at, event_id"), ids=unit_ids):
        history.setdefault(_key(row), []).append(row)
    states = rows_of(connection, chosen.format("unit_states", "variant, benchmark, unit_id"), ids=unit_ids)
    return {_key(row): _decision(row, history.get(_key(row), [])) for row in states}


def _decision(row: LineageRow, history: list[LineageRow]) -> Node:
    earlier = tuple(
        Node(
            f"{before['state']} since {recorded_time(before)}",
            {"why": before["reason"], "run": before["run_id"]},
        )
        for before in reversed(history[:-1])
    )
    facts = {
        "why": row["reason"],
        "kept instead": row["kept_by"],
        "stands for": count_of(len(row["question_ids"]), "training question"),
        "sentences cut": row["cut_sentences"] or None,
        "true from": _day(row["valid_from"]),
        "true until": _day(row["valid_until"]),
        "known from": _day(row["known_from"]),
        "known until": _day(row["known_until"]),
        "run": row["run_id"],
        "recorded": recorded_time(row),
    }
    return Node(f"curated: {row['state']}", facts, earlier)


def _day(value: object) -> str | None:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else None


def _key(row: LineageRow) -> tuple[str, ...]:
    return row["variant"], row["benchmark"], row["unit_id"]
