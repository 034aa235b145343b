"""What lineage says of a refresh, replayed from its events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.lineage import Lineage, render_tree
from wbrag_pipeline.lineage.refreshes import summary

CHANGES = pl.DataFrame(
    [("p1", "deleted", "h1", None), ("p2", "updated", "h2", "h3"), ("p9", "added", None, "h9")],
    schema=tables.CORPUS_CHANGES.schema,
    orient="row",
)
RETIRED = pl.DataFrame(
    [("v", "nq", "u1", "retired", "deleted: p1; no source is left")], schema=tables.RETIRED_UNITS.schema, orient="row"
)
COUNTS = {"added": 1, "updated": 1, "relabelled": 0, "deleted": 1, "skipped": 7}


def record(lineage: Lineage, day: int, from_state: str | None) -> None:
    lineage.record_refresh(
        f"run{day}",
        "v",
        "wiki",
        from_state=from_state,
        to_state=f"s{day}",
        counts=COUNTS,
        changes=CHANGES,
        retired=RETIRED,
        at=datetime(2026, 11, day, tzinfo=UTC),
    )


def test_a_passage_knows_what_refreshes_did_to_it(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path)
    record(lineage, 1, None)  # the first: everything was added, which is no news of any passage
    record(lineage, 2, "s1")
    shown = render_tree(lineage.trace("p2"))
    assert shown.count("updated by a refresh") == 1 and "h2" in shown and "h3" in shown and "run2" in shown
    assert "deleted by a refresh" in render_tree(lineage.trace("corpus:p1"))


def test_views_say_what_was_done_and_why(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path)
    record(lineage, 2, "s1")
    with lineage.connect() as connection:
        assert connection.sql("SELECT corpus, from_state, to_state, added, skipped FROM refreshes").fetchall() == [
            ("wiki", "s1", "s2", 1, 7)
        ]
        assert connection.sql("SELECT passage_id, change FROM refresh_passages").fetchall() == [
            ("p1", "deleted"),
            ("p2", "updated"),
            ("p9", "added"),
        ]
        assert connection.sql("SELECT unit_id, decision, reason FROM refresh_units").fetchall() == [
            ("u1", "retired", "deleted: p1; no source is left")
        ]
        assert connection.sql("SELECT subject, rows FROM events WHERE kind = 'refresh'").fetchall() == [("wiki", 3)]


def test_the_summary_counts_and_names_the_first() -> None:
    more = (CHANGES.with_columns(passage_id=pl.col("passage_id") + x, change=pl.lit("added")) for x in "xy")
    shown = summary("wiki", COUNTS, pl.concat([CHANGES, *more]), RETIRED).splitlines()
    assert shown[0] == "corpus wiki: 1 added, 1 updated, 0 relabelled, 1 deleted, 7 skipped"
    assert "  added: p9, p1x, p2x, p9x, p1y … 2 more" in shown and shown[-1] == "  nq (v): 1 unit retired: u1"
