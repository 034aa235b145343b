"""What curation decided, in the lineage: the state of a unit, its history, and why it is in or out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from tests.lineage.test_lineage import NOON, VARIANT, gated, minutes, record_units, rows, units
from wbrag_pipeline.curation.curate import uncurated
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.lineage import Lineage, render_tree
from wbrag_pipeline.tables import CURATED_UNITS

UNITS = units(("u_1", "q_1", ["a"]), ("u_2", "q_2", ["b"]))


def curated(**decisions: tuple[str, str, str | None]) -> pl.DataFrame:
    """CURATED_UNITS of UNITS: all published, but for ``unit_id=(state, reason, kept_by)``."""
    frame = uncurated(UNITS)
    for unit_id, decision in decisions.items():
        frame = frame.with_columns(
            pl.when(pl.col("unit_id") == unit_id).then(pl.lit(value, pl.String)).otherwise(pl.col(name)).alias(name)
            for name, value in zip(("state", "reason", "kept_by"), decision, strict=True)
        )
    return CURATED_UNITS.check(frame)


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    lineage = Lineage(tmp_path / "lineage")
    record_units(lineage, UNITS, pl.concat([gated("q_1", "a"), gated("q_2", "b")]))
    return lineage


def record(lineage: Lineage, frame: pl.DataFrame, at: datetime, run: str = "run-1") -> None:
    lineage.record_curation(run, VARIANT, "nq", frame, at=at)


def states(lineage: Lineage) -> dict[object, object]:
    return dict(rows(lineage, "SELECT unit_id, state FROM unit_states"))


def test_the_newest_curation_decides_and_the_history_has_every_change(lineage: Lineage) -> None:
    record(lineage, curated(u_2=("merged", "says what u_1 says", "u_1")), minutes(1))
    record(lineage, curated(u_2=("merged", "says what u_1 says", "u_1")), minutes(2))
    assert states(lineage) == {"u_1": "published", "u_2": "merged"}
    record(lineage, curated(u_1=("superseded", "is told otherwise by u_2", "u_2")), minutes(3), "run-3")
    assert states(lineage) == {"u_1": "superseded", "u_2": "published"}
    changes = rows(lineage, "SELECT state, kept_by, run_id FROM unit_history WHERE unit_id = 'u_2' ORDER BY event_id")
    assert changes == [("merged", "u_1", "run-1"), ("published", None, "run-3")]


def test_a_unit_that_is_no_longer_made_has_no_state_but_a_history(lineage: Lineage) -> None:
    record(lineage, curated(), minutes(1))
    record(lineage, curated().filter(pl.col("unit_id") == "u_1"), minutes(2))
    assert states(lineage) == {"u_1": "published"}
    record(lineage, CURATED_UNITS.empty(), minutes(3))
    assert states(lineage) == {}
    assert rows(lineage, "SELECT count(*) FROM unit_history") == [(2,)]


def test_trace_tells_why_a_unit_is_out_and_what_it_was_before(lineage: Lineage) -> None:
    record(lineage, curated(), minutes(1), "run-1")
    record(lineage, curated(u_2=("superseded", "a date is told otherwise by u_1", "u_1")), minutes(2), "run-2")
    drawn = render_tree(lineage.trace("u_2"))
    assert "curated: superseded" in drawn
    assert "a date is told otherwise by u_1" in drawn
    assert "published since 2026-03-01 12:01:00 UTC" in drawn
    assert "curated: published" in render_tree(lineage.trace("u_1"))


def test_no_text_of_a_unit_is_recorded(lineage: Lineage) -> None:
    frame = curated().with_columns(text=pl.lit("SECRETTEXT"), cut_sentences=pl.lit(["SECRETTEXT", "SECRETTEXT"]))
    record(lineage, frame, minutes(1))
    assert not any(b"SECRETTEXT" in path.read_bytes() for path in lineage.events.iterdir())
    assert rows(lineage, "SELECT cut_sentences FROM unit_states WHERE unit_id = 'u_1'") == [(2,)]


def test_known_from_is_the_first_recording_of_a_unit(lineage: Lineage) -> None:
    record_units(lineage, UNITS, pl.concat([gated("q_1", "a"), gated("q_2", "b")]), run="run-2", at=minutes(9))
    assert lineage.known_from(VARIANT, "nq") == {"u_1": NOON, "u_2": NOON}
    assert lineage.known_from(VARIANT, "other") == {}


def test_a_table_of_another_shape_is_refused(lineage: Lineage) -> None:
    with pytest.raises(IntegrityError, match="curated_units"):
        record(lineage, UNITS, NOON)
