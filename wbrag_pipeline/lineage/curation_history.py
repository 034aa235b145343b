"""What curation decided of a unit, and what it had decided before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbrag_pipeline.lineage.node import LineageRow, Node, count_of, present, recorded_time

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def decisions(connection: DuckDBPyConnection, unit_ids: list[str]) -> dict[tuple[str, ...], Node]:
    """A node for each unit that was curated, by (variant, benchmark, unit_id): its state, and its history if any."""
    history: dict[tuple[str, ...], list[LineageRow]] = {}
    asked = {"ids": unit_ids}
    for row in _rows(connection, "unit_history", "recorded_at, event_id", asked):
        history.setdefault(_key(row), []).append(row)
    return {
        _key(row): _decision(row, history.get(_key(row), []))
        for row in _rows(connection, "unit_states", "variant, benchmark, unit_id", asked)
    }


def _decision(row: LineageRow, history: list[LineageRow]) -> Node:
    earlier = tuple(
        Node(
            f"{before['state']} since {recorded_time(before)}",
            present({"why": before["reason"], "run": before["run_id"]}),
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
    return Node(f"curated: {row['state']}", present(facts), earlier)


def _day(value: object) -> str | None:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else None


def _key(row: LineageRow) -> tuple[str, ...]:
    return row["variant"], row["benchmark"], row["unit_id"]


def _rows(connection: DuckDBPyConnection, view: str, order: str, asked: dict[str, list[str]]) -> list[LineageRow]:
    sql = f"SELECT * FROM {view} WHERE unit_id IN (SELECT unnest($ids)) ORDER BY {order}"
    rows: list[LineageRow] = connection.sql(sql, params=dict(asked)).pl().to_dicts()
    return rows
