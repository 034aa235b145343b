"""The schemas that every stored table goes through."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.table_files import write_parquet

ROWS = pl.DataFrame(
    [("q1", "?", 1, "p1", 0.5), ("q1", "?", 2, "p2", 0.4)], schema=tables.RETRIEVALS.schema, orient="row"
)


def test_a_table_of_its_schema_passes_with_its_columns_in_order() -> None:
    assert tables.RETRIEVALS.check(ROWS.select(reversed(ROWS.columns))).columns == ROWS.columns


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (ROWS.drop("score"), "missing \\['score'\\]"),
        (ROWS.with_columns(gold=pl.lit("x")), "extra \\['gold'\\]"),
        (ROWS.cast({"rank": pl.Int64}), "rank is Int64"),
        (pl.concat([ROWS, ROWS]), "repeats"),
    ],
)
def test_what_is_not_of_the_schema_is_refused(frame: pl.DataFrame, said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        tables.RETRIEVALS.check(frame, "here")


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.name)
def test_every_table_comes_back_as_it_was_stored(table: tables.Table, tmp_path: Path) -> None:
    write_parquet(table.empty(), tmp_path / "table.parquet")
    assert table.read(tmp_path / "table.parquet").schema == table.schema


def test_a_bit_flipped_among_the_rows_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "retrievals.parquet"
    rows = [(f"q{i // 20}", "?", i % 20 + 1, f"p{i * 7919 % 600}", 1 / (i + 1)) for i in range(600)]
    stored = pl.DataFrame(rows, schema=tables.RETRIEVALS.schema, orient="row")
    write_parquet(stored, file)
    whole = file.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")  # Parquet format, "File format"
    refused = 0
    for at in range(4, footer, 11):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        try:
            assert tables.RETRIEVALS.read(file).equals(stored), f"byte {at} was read wrong"
        except IntegrityError:
            refused += 1
    assert refused > 0.8 * len(range(4, footer, 11))


def test_a_table_of_an_earlier_version_says_how_to_make_it_again(tmp_path: Path) -> None:
    rows = tables.PASSAGES.empty().drop("labels", "said_at")
    rows.write_parquet(tmp_path / "old.parquet")
    for read in (tables.PASSAGES.read, tables.PASSAGES.scan):
        with pytest.raises(IntegrityError, match=r"old\.parquet: .*'labels', 'said_at'.* make it again with wbrag run"):
            read(tmp_path / "old.parquet")


def test_only_questions_and_evaluations_hold_gold_answers() -> None:
    assert [table.name for table in tables.ALL if "golden_answers" in table.schema] == ["questions", "evaluation"]
