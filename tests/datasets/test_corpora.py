import csv
import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from unicodedata import normalize

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wbrag_pipeline.datasets.corpora import read_corpus, split_contents
from wbrag_pipeline.datasets.gold_answers import is_missing
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES

Rows = list[tuple[str, str, str]]
ROWS: Rows = [
    ("0", "Oxygen", 'Oxygen is "O",\nelement 8.'),
    ("x", "", "No title."),
    ("2", 'Toys "R" Us', "Ünïcödé 😀."),
]


def _contents(rows: Rows) -> list[dict[str, object]]:
    return [{"id": i, "contents": f'"{title}"\n{text}', "metadata": {}} for i, title, text in rows]


def _jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in _contents(rows)), encoding="utf-8")


def _jsonl_of_titles(path: Path, rows: Rows) -> None:
    path.write_text(
        "\n \n".join(json.dumps({"text": x, "title": t or None, "id": i}, ensure_ascii=False) for i, t, x in rows)
    )


def _gz(path: Path, rows: Rows) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\r\n" for row in _contents(rows))


def _zst(path: Path, rows: Rows) -> None:
    data = [json.dumps(row).encode() + b"\n" for row in _contents(rows)]
    # One frame a row, as appending to a .zst file makes them.
    path.write_bytes(b"".join(zstandard.compress(line) for line in data))


def _csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerows([("id", "title", "text"), *rows])


def _csv_gz(path: Path, rows: Rows) -> None:
    with gzip.open(path, "wt", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([("contents", "id"), *((row["contents"], row["id"]) for row in _contents(rows))])


def _parquet(path: Path, rows: Rows) -> None:
    pl.DataFrame(rows, schema=["id", "title", "text"], orient="row").write_parquet(path)


FORMATS: dict[str, Callable[[Path, Rows], None]] = {
    "corpus.jsonl": _jsonl,
    "titles.jsonl": _jsonl_of_titles,
    "corpus.jsonl.gz": _gz,
    "corpus.v2.jsonl.zst": _zst,
    "corpus.CSV": _csv,
    "corpus.csv.gz": _csv_gz,
    "corpus.parquet": _parquet,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, ROWS)
    frame = read_corpus(tmp_path / name)
    assert dict(frame.schema) == dict(PASSAGES.schema)
    assert frame.rows() == [
        (i, title, text, sha256_of_text(title, text), [], title or i, None) for i, title, text in ROWS
    ]


# Whatever is written comes back. Blanks around a field are not kept; a first line in quotes is the title.
clean = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30).map(str.strip)
rows = st.lists(
    st.tuples(clean.filter(bool), clean, clean.filter(lambda text: not is_missing(text))),
    min_size=1,
    max_size=5,
    unique_by=lambda r: r[0],
)


@pytest.mark.parametrize("name", FORMATS)
@given(rows=rows)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read(tmp_path: Path, name: str, rows: Rows) -> None:
    FORMATS[name](tmp_path / name, rows)
    expected = [(i, normalize("NFC", title), normalize("NFC", text)) for i, title, text in rows]
    assert read_corpus(tmp_path / name).select("passage_id", "title", "text").rows() == expected


@pytest.mark.parametrize(
    ("contents", "title", "text"),
    [
        ('"Title"\ntext', "Title", "text"),
        ("Title\ntext\nmore", "Title", "text\nmore"),
        ('"Heroes" (song)\ntext', '"Heroes" (song)', "text"),
        ('"Toys "R" Us"\n text ', 'Toys "R" Us', "text"),
        ('""\ntext', "", "text"),
        ("only text", "", "only text"),
        ('"only title"\n', "", "only title"),
        ('"', "", '"'),
    ],
)
def test_split_contents(contents: str, title: str, text: str) -> None:
    assert split_contents(contents) == (title, text)


def test_whole_numbers_are_ids(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 17, "contents": "text"}')
    pl.DataFrame({"id": [17], "text": ["text"]}).write_parquet(tmp_path / "a.parquet")
    assert read_corpus(tmp_path / "a.jsonl").equals(read_corpus(tmp_path / "a.parquet"))
    assert read_corpus(tmp_path / "a.jsonl")["passage_id"].to_list() == ["17"]


def test_many_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.datasets.passage_rows._BATCH", 3)
    monkeypatch.setattr("wbrag_pipeline.datasets.files.parquet_rows._ROWS", 2)
    many: Rows = [(str(i), "T", f"text {i}") for i in range(10)]
    _jsonl(tmp_path / "a.jsonl", many)
    _parquet(tmp_path / "a.parquet", many)
    assert read_corpus(tmp_path / "a.jsonl")["text"].to_list() == [text for _, _, text in many]
    assert read_corpus(tmp_path / "a.parquet").equals(read_corpus(tmp_path / "a.jsonl"))


GOOD = '{"id": "1", "contents": "text"}\n'
BAD_JSONL = {
    "broken JSON": (GOOD + "\n{'id': 2}\n", "line 3: broken JSON: .* at column 2 (write one whole JSON object"),
    "cut off": (GOOD + '{"id": "2", "cont', "line 2: broken JSON: Unterminated string"),
    "two on a line": (GOOD.strip() + GOOD, "line 1: broken JSON: Extra data"),
    "a list in a line": (GOOD + '[{"id": "1"}]', "line 2: holds a list, not a JSON object (write one JSON object on"),
    "over many lines": (
        '{\n "id": "1"\n',
        "broken JSON at line 3, column 1: there should be , or } here, but the file",
    ),
    "deep": ("[" * 100_000, "broken JSON at line 1, column 2: nested too deeply"),
    "no contents": (GOOD + '{"id": "2", "body": "x"}', "line 2, field 'contents': is missing (a row has either"),
    "no id": ('{"contents": "text"}', "line 1, field 'id': is missing (fields on this line 1: contents; name"),
    "null id": ('{"id": null, "contents": "text"}', "line 1, field 'id': is missing"),
    "float id": ('{"id": 1.5, "contents": "text"}', "line 1, field 'id': must be text or a whole number, not a number"),
    "true id": (
        '{"id": true, "contents": "x"}',
        "line 1, field 'id': must be text or a whole number, not true or false",
    ),
    "blank id": ('{"id": " ", "contents": "text"}', "line 1, field 'id': is empty"),
    "number as text": ('{"id": "1", "contents": 5}', "line 1, field 'contents': must be text, not a number (put"),
    "list as text": ('{"id": "1", "text": ["a"]}', "line 1, field 'text': must be text, not a list"),
    "object as title": ('{"id": "1", "title": {}, "text": "x"}', "line 1, field 'title': must be text, not an object"),
    "empty contents": (
        GOOD + '{"id": "2", "contents": "\\"\\"\\n "}',
        "line 2, field 'contents': is empty (fill it in",
    ),
    "blank text": ('{"id": "1", "text": " "}', "line 1, field 'text': is empty"),
    "half a character": ('{"id": "1", "text": "\\ud83d"}', "line 1, field 'text': holds half of a surrogate pair"),
    "half a title": (
        '{"id": "1", "title": "\\ud83d", "text": "x"}',
        "line 1, field 'title': holds half of a surrogate",
    ),
    "labels as text": (
        '{"id": "1", "text": "x", "labels": "hr"}',
        "line 1, field 'labels': must be a list of text, not",
    ),
    "labels of null": (
        '{"id": "1", "text": "x", "labels": null}',
        "field 'labels': must be a list of text, not nothing",
    ),
    "a number as label": (
        '{"id": "1", "text": "x", "labels": ["a", 5]}',
        "'labels': must hold text only, not a number",
    ),
    "an empty label": (
        '{"id": "1", "text": "x", "labels": [" "]}',
        "field 'labels': holds an empty label (write a list",
    ),
    "two labels in one": (
        '{"id": "1", "text": "x", "labels": ["a,b"]}',
        "field 'labels': holds the label 'a,b': a label",
    ),
    "no date": (
        '{"id": "1", "text": "x", "date": "spring"}',
        "line 1, field 'date': is no date: 'spring' (write it as",
    ),
    "a number as date": ('{"id": "1", "text": "x", "date": 2024}', "field 'date': must be a date, not a number"),
    "a number as source": ('{"id": "1", "text": "x", "source": 7}', "field 'source': must be text, not a number"),
    "same id": (
        GOOD + "\n" + GOOD.replace('"1"', '"2"') + GOOD,
        "line 4, field 'id': the id '1' was already used on line 1 (give every row its own id)",
    ),
    "same id as a number": (
        GOOD + '{"id": 1, "text": "x"}',
        "line 2, field 'id': the id '1' was already used on line 1",
    ),
    "empty": ("", "holds no rows (an empty file is refused"),
    "blank lines": (" \n\n", "holds no rows"),
}
BAD_CSV = {
    "no rows": ("id,text\n", "holds no rows"),
    "bars": ("id|text\n1|x\n", "line 2, field 'id': is missing (fields on this line 2: id|text;"),
    "few cells": (
        'id,text\n1,"a\nb"\n2\n',
        "line 4: has 1 cells where the header has 2 (put cells that hold a comma or a line break",
    ),
    "many cells": ("id,text\n1,a,b\n", "line 2: has 3 cells where the header has 2"),
    "open quote": ('id,text\n1,a\n2,"b\n3,c\n', "line 3: broken CSV: unexpected end of data (close every double quote"),
    "twice": ("id,text,id\n", "line 1, field 'id': the header names this column twice"),
    "no column": ("id,body\n1,a\n", "line 2, field 'contents': is missing"),
    "same id": ('id,text\n1,"a\nb"\n1,c\n', "line 4, field 'id': the id '1' was already used on line 2"),
    "empty cell": ("id,text\n1,\n", "line 2, field 'text': is empty"),
}


def _pattern(message: str) -> str:
    """The expected part of a message as a regular expression; only ``.*`` is special."""
    return ".*".join(re.escape(part) for part in message.split(".*"))


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize(("text", "message"), BAD_JSONL.values(), ids=BAD_JSONL)
def test_bad_jsonl(tmp_path: Path, suffix: str, text: str, message: str) -> None:
    compress: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
    file = tmp_path / f"bad.{suffix}"
    file.write_bytes(compress.get(file.suffix, bytes)(text.encode()))
    with pytest.raises(InputError, match=_pattern(message)) as caught:
        read_corpus(file)
    assert str(caught.value).startswith(str(file))
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("text", "message"), BAD_CSV.values(), ids=BAD_CSV)
def test_bad_csv(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=_pattern(message)) as caught:
        read_corpus(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["1", "1"], "text": ["a", "b"]}, "row 2, field 'id': the id '1' was already used on row 1"),
        ({"id": ["1"], "text": [None]}, "row 1, field 'text': is missing"),
        ({"id": ["1"], "text": [5]}, "row 1, field 'text': must be text, not a number"),
        ({"id": [], "text": []}, "holds no rows"),
        ({"key": ["1"], "text": ["a"]}, "row 1, field 'id': is missing (fields on this row 1: key, text; name"),
    ],
)
def test_bad_parquet(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InputError, match=_pattern(f"bad.parquet.*{message}")):
        read_corpus(tmp_path / "bad.parquet")


def test_text_that_is_not_utf8_names_line_and_offset(tmp_path: Path) -> None:
    data = GOOD.encode() + '{"id": "2", "contents": "Füße"}\n'.encode("latin1")
    offset = data.index(b"\xfc")
    (tmp_path / "a.jsonl").write_bytes(data)
    with pytest.raises(
        InputError, match=rf"line 2: not UTF-8: byte 0xfc at offset {offset} of the file \(.*iconv -f CP1252"
    ):
        read_corpus(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    with pytest.raises(InputError, match=rf"line 2: not UTF-8: byte 0xfc at offset {offset} of the decompressed text"):
        read_corpus(tmp_path / "a.jsonl.gz")
    (tmp_path / "a.csv").write_bytes("id,text\n1,a\n".encode("utf-16"))
    with pytest.raises(InputError, match="line 1: not UTF-8: byte 0xff at offset 0"):
        read_corpus(tmp_path / "a.csv")


def test_damaged_archives(tmp_path: Path) -> None:
    data = "".join(json.dumps(row) + "\n" for row in _contents([(str(i), "T", "x" * i) for i in range(500)])).encode()
    for suffix, archive in ((".gz", gzip.compress(data)), (".zst", zstandard.compress(data))):
        file = tmp_path / f"a.jsonl{suffix}"
        for damaged in (archive[:-20], b"not an archive at all", archive[:40] + b"\0" * 40 + archive[80:]):
            file.write_bytes(damaged)
            with pytest.raises(InputError, match=rf"cannot be decompressed as \{suffix}: .*download the file again"):
                read_corpus(file)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="is not a readable Parquet file"):
        read_corpus(tmp_path / "a.parquet")


def test_paths_that_are_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: there is no such file \(check the path\)"):
        read_corpus(tmp_path / "none.jsonl")
    for name in ("corpus.xml", "corpus", "corpus.parquet.gz", "corpus.gz"):
        (tmp_path / name).write_text("x")
        with pytest.raises(InputError, match=r"the format is not known by this name \(use one of \.jsonl"):
            read_corpus(tmp_path / name)


def test_labels_and_source_come_from_every_format_alike(tmp_path: Path) -> None:
    given = [("1", ["hr", "finance", " hr "], "a.pdf"), ("2", [], ""), ("3", ["e\u0301", "\u00e9"], "b.pdf")]
    rows = [{"id": i, "text": f"text {i}", "labels": labels, "source": source} for i, labels, source in given]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(
            [("id", "text", "labels", "source"), *((i, f"text {i}", ";".join(labels), s) for i, labels, s in given)]
        )
    for name in ("a.jsonl", "a.parquet", "a.csv"):
        frame = read_corpus(tmp_path / name)
        assert frame["labels"].to_list() == [["finance", "hr"], [], ["\u00e9"]], name
        assert frame["source"].to_list() == ["a.pdf", "2", "b.pdf"], name


def test_the_time_comes_from_every_format_alike(tmp_path: Path) -> None:
    given = ["2024-05-01", "2024-05-01T10:00:00+02:00", "2024-05-01T08:00", ""]
    rows = [{"id": f"{i}", "text": f"text {i}", "date": date} for i, date in enumerate(given)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    eight = datetime(2024, 5, 1, 8, tzinfo=UTC)
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        found = read_corpus(tmp_path / name)["said_at"].to_list()
        assert found == [datetime(2024, 5, 1, tzinfo=UTC), eight, eight, None], name
    typed = pl.DataFrame({"id": ["1", "2"], "text": ["x", "y"], "date": [date(2024, 5, 1), None]})
    typed.write_parquet(tmp_path / "typed.parquet")
    assert read_corpus(tmp_path / "typed.parquet")["said_at"].to_list() == [datetime(2024, 5, 1, tzinfo=UTC), None]


def test_labels_do_not_change_what_a_passage_says(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "text": "x", "labels": ["hr"]}')
    (tmp_path / "b.jsonl").write_text('{"id": "1", "text": "x", "source": "elsewhere"}')
    labelled, plain = read_corpus(tmp_path / "a.jsonl"), read_corpus(tmp_path / "b.jsonl")
    assert labelled["content_hash"].equals(plain["content_hash"])
