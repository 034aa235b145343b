"""The sample on disk: bounded in rows and in age whatever is written, and never written back once it is gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usage.rows import NOON, numbered, recorded
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.home import Home
from wbrag_pipeline.usage.recorded_queries import RecordedQueries, question_ids


def asked(queries: RecordedQueries) -> list[str]:
    return queries.read()["question"].to_list()


def test_rows_are_added_to_ones_own_segment_until_it_is_full_or_a_day_old(tmp_path: Path) -> None:
    queries = RecordedQueries(tmp_path / "usage")
    first = queries.append(recorded("a"), "", NOON)
    assert queries.append(recorded("b"), first, NOON + timedelta(hours=23)) == first
    second = queries.append(recorded(*numbered(1000)), first, NOON + timedelta(hours=25))
    third = queries.append(recorded("d"), second, NOON + timedelta(hours=26))
    assert len({first, second, third}) == 3 == len(queries.segments())
    assert asked(queries)[:2] == ["a", "b"] and queries.count() == 1003


def test_two_servers_do_not_overwrite_each_other(tmp_path: Path) -> None:
    one, other = RecordedQueries(tmp_path), RecordedQueries(tmp_path)
    segments = [one.append(recorded("a"), "", NOON), other.append(recorded("b"), "", NOON)]
    one.append(recorded("c"), segments[0], NOON)
    assert sorted(asked(other)) == ["a", "b", "c"]


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    queries = RecordedQueries(tmp_path, days=2)
    for days in range(5):
        queries.append(recorded(f"day {days}"), "", NOON + timedelta(days=days))
    assert queries.prune(NOON + timedelta(days=4, seconds=1)) == 3
    assert asked(queries) == ["day 3", "day 4"]


@given(data=st.data(), most=st.integers(1, 60))
def test_there_are_never_more_rows_than_allowed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, most: int
) -> None:
    queries, segment, written = RecordedQueries(tmp_path_factory.mktemp("usage"), most=most), "", 0
    for step in range(data.draw(st.integers(1, 8))):
        rows = recorded(*numbered(data.draw(st.integers(0, 50)), written))
        written += rows.height
        restarted = data.draw(st.booleans())
        segment = queries.append(rows, "" if restarted else segment, NOON + timedelta(seconds=step))
        queries.prune(NOON + timedelta(seconds=step))
        assert queries.count() <= most
    left = asked(queries)
    assert not left or left[-1] == f"question {written - 1}?"  # the newest stay


def test_what_was_taken_out_of_a_segment_is_not_written_back(tmp_path: Path) -> None:
    """``wbrag forget`` rewrites the file between two writes of a server that runs."""
    queries = RecordedQueries(tmp_path)
    segment = queries.append(recorded("a secret", "fine"), "", NOON)
    queries.read().filter(pl.col("question") != "a secret").write_parquet(tmp_path / segment)
    queries.append(recorded("more"), segment, NOON)
    assert asked(queries) == ["fine", "more"]
    (tmp_path / segment).unlink()
    queries.append(recorded("again"), segment, NOON)
    assert asked(queries) == ["again"]


def test_a_damaged_segment_is_told_of_by_its_readers_and_does_not_stop_the_recording(tmp_path: Path) -> None:
    queries = RecordedQueries(tmp_path)
    segment = queries.append(recorded("a"), "", NOON)
    (tmp_path / segment).write_bytes(b"PAR1 no more")
    assert queries.append(recorded("b"), segment, NOON) != segment
    with pytest.raises(IntegrityError, match=segment):
        queries.read()
    queries.prune(NOON + timedelta(days=31))
    assert queries.segments() == []


def test_other_files_in_the_folder_are_nobodys_segment(tmp_path: Path) -> None:
    queries = RecordedQueries(tmp_path)
    queries.append(recorded("a"), "", NOON)
    for name in ("notes.parquet", ".20261126T120000-00000000.1234.tmp.parquet", "20261126T120000-xyz.parquet"):
        (tmp_path / name).write_bytes(b"mine")
    queries.prune(NOON + timedelta(days=99))
    assert len(list(tmp_path.iterdir())) == 3 and queries.count() == 0


def test_deleting_takes_everything(tmp_path: Path) -> None:
    queries = RecordedQueries(tmp_path / "usage")
    queries.append(recorded("a"), "", NOON)
    for _ in range(2):  # also where nothing is
        queries.delete()
        assert not queries.folder.exists() and queries.count() == 0


def test_the_same_question_has_one_id_and_no_text_has_none() -> None:
    one, other, third, none = question_ids(["Who made it?", "who  made it", "Who made this?", ""])
    assert one == other != third and none == "" and len(one) == 18


def test_a_recording_belongs_to_its_benchmark(tmp_path: Path) -> None:
    home = Home(tmp_path)
    owner = home.owner(home.usage("variant", "my benchmark") / "20261126T120000-00000000.parquet")
    assert owner.benchmark is not None and owner.benchmark.startswith("my-benchmark@") and owner.corpus is None
