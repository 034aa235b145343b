"""Files of rows with anything in them: a reading gives a table of the schema, or an InputError that names the file."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutating import mutated
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.passage_shapes import PASSAGE_SHAPES
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.tables import PASSAGES

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

KEYS = st.sampled_from(
    [
        "title",
        "labels",
        "Labels",
        "label",
        "date",
        "source",
        "qas",
        "context",
        "data",
        "�",
        *sorted({name for shape in PASSAGE_SHAPES for name in {*shape.names, "metadata", "meta"}}),
    ]
)
ROWS = b"".join(
    json.dumps(
        {"id": str(number), "contents": f'"Title"\ntext {number}', "labels": ["hr"], "date": "2024-05-01"}
    ).encode()
    + b"\n"
    for number in range(4)
)
TABLE = b'id,title,text,labels,date\n1,T,"a, b",hr; finance,2024-05-01\n2,,"c\nd",,\n'


def read_or_refused(file: Path) -> None:
    """Read a file strictly and leniently."""
    for skip in (False, True):
        bad = BadDocuments(skip=skip)
        try:
            frame = read_corpus(file, bad)
        except InputError as error:
            assert str(error).startswith(str(file)) and len(str(error)) < 5_000
            str(error).encode()
        else:
            assert dict(frame.schema) == dict(PASSAGES.schema) and frame.height
            frame.write_parquet(io.BytesIO())
            assert skip or not bad.count
        "\n".join(bad.lines()).encode()


def values() -> st.SearchStrategy[Any]:
    text = st.text(max_size=20) | st.sampled_from(
        ["hr", "2024-02-30", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00+14:00", "\ud83d", "\0"]
    )
    plain = st.none() | st.booleans() | st.integers() | st.floats() | text
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
    )


def json_rows() -> st.SearchStrategy[bytes]:
    """Rows of good JSON, with keys that stand twice."""
    pair = st.tuples(KEYS, values()).map(lambda found: f"{json.dumps(found[0])}: {json.dumps(found[1])}")
    row = st.lists(pair, max_size=6).map(lambda pairs: "{" + ", ".join(['"id": "7"', '"text": "x"', *pairs]) + "}")
    form = st.sampled_from(["{}", "[{}]", '{{\n"data": [{}]}}'])
    between = {"{}": "\n"}
    return st.builds(
        lambda found, how: how.format(between.get(how, ",").join(found)).encode(), st.lists(row, max_size=3), form
    )


@in_one_folder
@given(data=st.binary(max_size=300) | mutated(ROWS) | json_rows())
@example(b'{"id": "1", "text": "x", "n": ' + b"9" * 5000 + b"}")
@example(b'{"id": "1", "text": "x", "n": ' + b"[" * 5000 + b"]" * 5000 + b"}")
@example(b'{"id": "1", "text": "x", "n": NaN}')
@example(b'[{"page_content": "x", "metadata": {"source": "a", "labels": ["hr"]}}]')
@example(b'{"data": [{"title": "T", "paragraphs": []}]}')
def test_jsonl(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(data)
    read_or_refused(file)


def _csv(rows: list[list[str]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream).writerows([["id", "text", "labels"], *rows])
    return stream.getvalue().encode("utf-8", "surrogatepass")


@in_one_folder
@given(
    data=st.binary(max_size=300)
    | mutated(TABLE)
    | st.lists(st.lists(st.text(max_size=8), max_size=5), max_size=4).map(_csv)
)
def test_csv(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(data)
    read_or_refused(file)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@in_one_folder
@given(data=st.data())
def test_archives(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    pack = gzip.compress if suffix == ".gz" else zstandard.compress
    found = data.draw(st.binary(max_size=200) | mutated(pack(ROWS)) | mutated(ROWS).map(pack))
    file = tmp_path / f"a.jsonl{suffix}"
    file.write_bytes(found)
    read_or_refused(file)


def _parquet() -> bytes:
    rows = {
        "id": ["1", "2"],
        "text": ["a", "b"],
        "labels": [["hr"], []],
        "date": ["2024-05-01", None],
        "n": [{"x": 1}, None],
    }
    stream = io.BytesIO()
    pl.DataFrame(rows).write_parquet(stream)
    return stream.getvalue()


@in_one_folder
@given(data=st.binary(max_size=100) | mutated(_parquet()))
def test_parquet(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(data)
    read_or_refused(file)
