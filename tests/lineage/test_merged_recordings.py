"""Recordings are merged where there are many: readers see the same, whenever a merge is cut short."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from wbrag_pipeline import storage
from wbrag_pipeline.lineage import Lineage, merged_recordings
from wbrag_pipeline.lineage.events import SCHEMAS
from wbrag_pipeline.lineage.merged_recordings import TOGETHER, merge_recordings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    return Lineage(tmp_path / "lineage")


def record(lineage: Lineage, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        at = NOON + timedelta(minutes=number)
        lineage.record_stage(f"run{number}", "gated_docs", "nq", "v", number, 1.5, {"kept": number}, at=at)


def files(lineage: Lineage) -> list[str]:
    return sorted(file.name for file in lineage.events.glob("2026*.stages.parquet"))


def seen(lineage: Lineage) -> list[tuple[str, int]]:
    with lineage.connect() as connection:
        rows = connection.execute("SELECT run_id, rows FROM recorded_stages ORDER BY rows").fetchall()
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(len(rows),)]
    return rows


def expected(count: int) -> list[tuple[str, int]]:
    return [(f"run{number}", number) for number in range(count)]


def merge(lineage: Lineage, seconds_later: float = 0.0) -> None:
    merge_recordings(lineage.events, "stages", SCHEMAS["stages"], now=time.time() + seconds_later)


def test_many_recordings_are_one_file_and_seen_once(lineage: Lineage) -> None:
    record(lineage, TOGETHER - 1)
    assert len(files(lineage)) == TOGETHER - 1
    record(lineage, 1, TOGETHER - 1)
    assert len(files(lineage)) == TOGETHER + 1  # the merged one, and for some minutes what it replaces
    assert seen(lineage) == expected(TOGETHER)
    merge(lineage, seconds_later=3600)
    assert [name.split(".")[-3] for name in files(lineage)] == ["1"]
    assert seen(lineage) == expected(TOGETHER)


def test_the_number_of_files_does_not_grow_with_the_recordings(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_recordings, "TOGETHER", 4)
    monkeypatch.setattr(merged_recordings, "_GRACE_SECONDS", -1.0)
    most = 0
    for number in range(100):
        record(lineage, 1, number)
        most = max(most, len(files(lineage)))
    assert most <= 4 * 5  # levels of 4, 16 and 64, each with what it replaces
    assert seen(lineage) == expected(100)


def test_what_is_replaced_is_not_merged_again(lineage: Lineage) -> None:
    record(lineage, TOGETHER + 3)
    merge(lineage)
    merge(lineage)
    assert sum("-merged-" in name for name in files(lineage)) == 1


@pytest.mark.parametrize("kill_at", ["write", "unlink"])
def test_a_merge_that_is_killed_loses_nothing_and_doubles_nothing(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch, kill_at: str
) -> None:
    record(lineage, TOGETHER - 1)

    def killed() -> None:
        raise KeyboardInterrupt

    if kill_at == "write":
        replace = os.replace
        monkeypatch.setattr(os, "replace", lambda old, new: killed() if "-merged-" in str(new) else replace(old, new))
        with pytest.raises(KeyboardInterrupt):
            record(lineage, 1, TOGETHER - 1)
        monkeypatch.undo()
    else:
        record(lineage, 1, TOGETHER - 1)
        left, unlink = [5], Path.unlink

        def some(path: Path, missing_ok: bool = False) -> None:
            left[0] -= 1
            killed() if not left[0] else unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", some)
        with pytest.raises(KeyboardInterrupt):
            merge(lineage, seconds_later=3600)
        monkeypatch.undo()
    assert seen(lineage) == expected(TOGETHER)
    merge(lineage, seconds_later=3600)
    record(lineage, TOGETHER, TOGETHER)
    assert seen(lineage) == expected(2 * TOGETHER)


def test_damaged_files_and_those_of_another_version_are_left_alone(lineage: Lineage) -> None:
    record(lineage, TOGETHER - 2)
    first, second = (lineage.events / name for name in files(lineage)[:2])
    first.write_bytes(b"PAR1 no more")
    pl.read_parquet(second).with_columns(later=1).write_parquet(second)
    record(lineage, 2, TOGETHER - 2)
    merge(lineage, seconds_later=3600)
    assert {first.name, second.name} <= set(files(lineage))
    first.unlink()
    assert seen(lineage) == expected(TOGETHER)[1:]


def test_nobody_merges_while_something_is_forgotten(lineage: Lineage) -> None:
    with storage.locked(lineage.events):
        record(lineage, TOGETHER + 1)
    assert len(files(lineage)) == TOGETHER + 1
    assert seen(lineage) == expected(TOGETHER + 1)


def test_large_files_are_left_as_they_are(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged_recordings, "_MOST_BYTES", 10)
    record(lineage, TOGETHER + 1)
    assert len(files(lineage)) == TOGETHER + 1
