from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.retrieval.conftest import passages_of
from wbrag_pipeline import table_files
from wbrag_pipeline.table_files import parts_of, write_parquet, writing_parquet


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 5))
def test_the_same_rows_are_the_same_bytes_and_come_back_in_parts(sizes: list[int], group: int) -> None:
    table = passages_of({str(number): float(number) for number in range(sum(sizes))})
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(table_files, "ROWS_A_GROUP", group),
        mock.patch.object(table_files, "_ROWS_AT_ONCE", 2 * group),
    ):
        whole, parts = Path(folder) / "whole [1].parquet", Path(folder) / "parts.parquet"
        write_parquet(table, whole)
        with writing_parquet(parts, table.schema) as add:
            start = 0
            for size in sizes:
                add(table.slice(start, size))
                start += size
        assert whole.read_bytes() == parts.read_bytes()
        read = list(parts_of(whole))
        assert_frame_equal(pl.concat(read), table)
        assert max(part.height for part in read) <= 2 * group and len(read) == max(1, -(-table.height // (2 * group)))
        assert_frame_equal(pl.concat(parts_of(whole, ["text", "labels"])), table.select("text", "labels"))


def test_the_footer_holds_no_texts(tmp_path: Path) -> None:
    write_parquet(passages_of({"a": 0.0}), tmp_path / "table.parquet")
    group = pq.read_metadata(tmp_path / "table.parquet").row_group(0)
    assert not any(group.column(at).is_stats_set for at in range(group.num_columns))


def test_what_cannot_be_read_is_an_error_at_the_first_part(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(b"no table")
    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        next(parts_of(tmp_path / "table.parquet"))
