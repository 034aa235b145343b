"""A document or row of somebody who is not trusted: an error that names it, or left out and told; in bounded memory."""

from __future__ import annotations

import gzip
import json
import os
import socket
import tracemalloc
from pathlib import Path

import polars as pl
import pytest
import zstandard
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.documents import document_kinds
from wbrag_pipeline.datasets.files import text_lines
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.refresh.corpus_stages import read_passages
from wbrag_pipeline.refresh.planning import plan_refresh
from wbrag_pipeline.retrieval.corpus_source import source_fingerprint
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.tables import PASSAGES

GOOD = '{"id": "1", "text": "text", "labels": ["hr"]}\n'

MERGE = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
FRONT_MATTER = {
    "merge keys": (MERGE, "line 4.*has a merge key"),
    "merge keys alone": ("<<: {x: 1}\n", "line 2.*has a merge key"),
    "aliases": ("a: &a [x]\nb: [*a, *a]\n", "line 3.*has an alias"),
    "lists in lists": ("x: " + "[" * 5_000 + "]" * 5_000 + "\n", "line 2.*nested too deeply"),
    "mappings in mappings": ("".join(f"{' ' * n}a:\n" for n in range(200)) + "\n", "nested too deeply"),
    "lists in toml": ("+" + "x = " + "[" * 5_000 + "]" * 5_000 + "\n", "nested too deeply"),
    "a long number": ("labels: [hr]\nn: " + "9" * 5_000 + "\n", "line 3.*is no date and no number"),
    "a long number in toml": ("+labels = ['hr']\nn = " + "9" * 5_000 + "\n", "the front matter cannot be read"),
    "a date that is none": ("date: 2024-02-30\n", "line 2, field 'date'.*'2024-02-30' is no date"),
    "a date that is none in another field": ("labels: [hr]\nreviewed: 2023-13-01\n", "line 3.*'2023-13-01' is no date"),
    "a time zone that is none": ("date: 2024-05-01 10:00:00 +99:99\n", "line 2, field 'date'"),
    "a date before time": ("date: 0001-01-01T00:00:00+14:00\n", "line 2, field 'date'"),
    "a date in toml that is none": ("+date = 2024-02-30\n", "field 'date'"),
}


@pytest.mark.parametrize(("block", "said"), FRONT_MATTER.values(), ids=FRONT_MATTER)
def test_front_matter_that_would_stop_a_reading_is_refused(tmp_path: Path, block: str, said: str) -> None:
    fence, block = ("+++", block[1:]) if block.startswith("+") else ("---", block)
    (tmp_path / "a.md").write_text(f"{fence}\n{block}{fence}\nText.\n")
    with pytest.raises(InputError, match=rf"(?s)a\.md, .*{said}"):
        read_corpus(tmp_path)


def test_impossible_values_that_are_not_read_stop_no_document(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: x\nreviewed: 2023-13-01\n---\nText.\n")
    assert read_corpus(tmp_path)["text"].to_list() == ["Text."]


ROWS = {
    "a long number": ('{"id": "2", "text": "x", "n": ' + "9" * 5_000 + "}", "a number has too many digits"),
    "lists in lists": ('{"id": "2", "text": "x", "n": ' + "[" * 50_000 + "]" * 50_000 + "}", "nested too deeply"),
    "NaN": ('{"id": "2", "text": "x", "n": NaN}', "NaN is no number in JSON"),
    "infinity": ('{"id": "2", "text": "x", "n": -Infinity}', "-Infinity is no number in JSON"),
    "NUL": ('{"id": "2", "text": "a\\u0000b"}', "field 'text': holds a NUL character"),
    "NUL in an id": ('{"id": "2\\u0000", "text": "b"}', "field 'id': holds a NUL character"),
    "half a character": ('{"id": "\\ud800", "text": "b"}', "field 'id': holds half of a surrogate pair"),
    "half a character in a source": ('{"id": "2", "text": "b", "source": "\\udfff"}', "field 'source': holds half"),
    "half a character in a label": ('{"id": "2", "text": "b", "labels": ["\\ud800"]}', "field 'labels': holds"),
    "an impossible date": ('{"id": "2", "text": "b", "date": "2024-02-30"}', "field 'date': is no date"),
    "a key that stands twice": ('{"id": "2", "id": "3", "text": "b"}', "the key 'id' stands twice"),
    "a unit's id": ('{"id": "u_0123456789abcdef", "text": "b"}', "field 'id': 'u_0123456789abcdef' is the id of a"),
}


@pytest.mark.parametrize(("row", "said"), ROWS.values(), ids=ROWS)
def test_a_bad_row_is_refused_or_left_out(tmp_path: Path, row: str, said: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(GOOD + row + "\n" + GOOD.replace('"1"', '"9"'))
    with pytest.raises(InputError) as caught:
        read_corpus(file)
    assert f"{file}, line 2" in str(caught.value) and said in str(caught.value)
    bad = BadDocuments(skip=True)
    assert read_corpus(file, bad)["passage_id"].to_list() == ["1", "9"]
    assert bad.count == 1 and said in "\n".join(bad.lines())


def test_only_what_is_made_as_a_unit_id_is_refused(tmp_path: Path) -> None:
    others = [
        "u_0123456789abcde",
        "u_0123456789abcdef0",
        "U_0123456789abcdef",
        "u_0123456789abcdeg",
        "u-1",
        "u_",
        "xu_1",
    ]
    rows = [{"id": name, "text": "x"} for name in others]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_corpus(tmp_path / "a.jsonl")["passage_id"].to_list() == others
    for name in ("a.csv", "b.parquet"):
        frame = pl.DataFrame({"id": [" u_00000000000000ff "], "text": ["x"]})
        frame.write_csv(tmp_path / name) if name == "a.csv" else frame.write_parquet(tmp_path / name)
        with pytest.raises(
            InputError, match=rf"{name}, \w+ \d, field 'id': 'u_00000000000000ff' is .*\(give the passage"
        ):
            read_corpus(tmp_path / name)


def bomb(suffix: str, size: int, piece: bytes) -> bytes:
    """An archive of ``size`` bytes, all of them ``piece``."""
    if suffix == ".gz":
        return gzip.compress(piece * (size // len(piece)))
    packer = zstandard.ZstdCompressor().compressobj()
    many = piece * ((1 << 20) // len(piece))
    return b"".join(packer.compress(many) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.parametrize("piece", [b"x", b" ", GOOD.replace("text", "x" * 4_000).encode()], ids=["x", "blanks", "rows"])
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_an_archive_that_expands_like_no_text_is_refused_in_bounded_memory(
    tmp_path: Path, suffix: str, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "ALWAYS_TAKEN", 1 << 20)
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 1 << 20)
    file = tmp_path / f"a.jsonl{suffix}"
    file.write_bytes(bomb(suffix, 64 << 20, piece))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"a\.jsonl\.\w+: decompresses to more than 200 times its size"):
            read_corpus(file, BadDocuments(skip=True))
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_line_that_is_too_long_is_passed_over_without_being_held(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 100)
    data = GOOD.encode() + b'{"id": "2", "text": "' + b"x" * 5_000 + b'"}\n' + GOOD.replace("1", "3").encode()
    file = tmp_path / f"a.jsonl{suffix}"
    file.write_bytes({"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix](data))
    with pytest.raises(InputError, match=r"line 2: is longer than 16 MiB \(cut the document into passages\)"):
        read_corpus(file)
    bad = BadDocuments(skip=True)
    assert read_corpus(file, bad)["passage_id"].to_list() == ["1", "3"]
    assert bad.count == 1
    lines = list(text_lines.lines_of_file(file, suffix))
    assert [line.data is None for line in lines] == [False, True, False]
    assert lines[2].offset == data.rindex(b"\n", 0, -1) + 1


def test_a_window_that_takes_much_memory_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=29, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (tmp_path / "a.jsonl.zst").write_bytes(packer.compress(GOOD.encode()) + packer.flush())
    with pytest.raises(InputError, match=r"a\.jsonl\.zst: cannot be decompressed as \.zst: .*memory"):
        read_corpus(tmp_path / "a.jsonl.zst")


def test_a_csv_row_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,"' + "x\n" * 100_000)
    with pytest.raises(InputError, match=r"a\.csv, line 2: broken CSV: unexpected end of data"):
        read_corpus(tmp_path / "a.csv")
    monkeypatch.setattr("wbrag_pipeline.datasets.files.records._LONGEST_ROW", 1_000)
    (tmp_path / "a.csv").write_text('id,text\n1,a\n2,"b' + '\n","' * 1_000)
    with pytest.raises(InputError, match=r"a\.csv, line \d+: is in a row that is too long"):
        read_corpus(tmp_path / "a.csv")


def test_parquet_that_holds_far_more_than_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.datasets.files.parquet_rows.ALWAYS_TAKEN", 1 << 20)
    rows = 20_000
    pl.select(pl.int_range(rows).alias("id"), pl.lit("x" * 10_000).alias("text")).write_parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 200_000
    with pytest.raises(InputError, match=r"a\.parquet: holds more than 200 times its size"):
        read_corpus(tmp_path / "a.parquet")


def test_columns_of_parquet_that_are_not_read_cost_nothing(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": ["1"], "text": ["x"], "vector": [[[0.0] * 100]], "other": [{"a": [{"b": "c"}]}]})
    frame.write_parquet(tmp_path / "a.parquet")
    assert read_corpus(tmp_path / "a.parquet").rows()[0][:3] == ("1", "", "x")
    pl.DataFrame({"id": ["1"], "body": ["x"]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"row 1, field 'contents': is missing .*fields on this row 1: id, body"):
        read_corpus(tmp_path / "b.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of one document, beside a file that is not for it."""
    (tmp_path / "secret.md").write_text("The vault code is 4711.")
    made = tmp_path / "kb"
    (made / "hr").mkdir(parents=True)
    (made / "hr" / ".labels").write_text("hr\n")
    (made / "hr" / "pay.md").write_text("Salary bands.")
    (made / "a.md").write_text("Text.")
    return made


def refused_then_left_out(folder: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"{name}.*{said}"):
        read_corpus(folder)
    bad = BadDocuments(skip=True)
    assert read_corpus(folder, bad)["source"].to_list() == ["a.md", "hr/pay.md"]
    assert bad.count == 1 and said in "\n".join(bad.lines())
    source_fingerprint(Corpus("c", folder))


@pytest.mark.parametrize("target", ["../secret.md", "hr/pay.md", "x.md", "nowhere.md"])
def test_a_link_to_a_document_is_not_followed(folder: Path, target: str) -> None:
    # Inside the corpus too: the labels of the folder it leads to would be lost.
    (folder / "x.md").symlink_to(target)
    refused_then_left_out(folder, "x.md", "is a link")


def test_links_to_folders_are_counted_and_not_followed(folder: Path) -> None:
    for name, target in (("out", ".."), ("loop", "."), ("in", "hr")):
        (folder / name).symlink_to(target)
    bad = BadDocuments()
    assert read_corpus(folder, bad)["source"].to_list() == ["a.md", "hr/pay.md"]
    assert bad.links == 3 and "links to folders that were not followed: 3" in "\n".join(bad.lines())


def test_pipes_and_sockets_are_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "x.md")
    refused_then_left_out(folder, "x.md", "is not a regular file")
    (folder / "x.md").unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("x.txt")
        refused_then_left_out(folder, "x.txt", "is not a regular file")


def test_a_name_that_is_not_utf8_is_told(folder: Path) -> None:
    with open(os.fsencode(folder) + b"/gr\xfcn.md", "wb") as stream:
        stream.write(b"Text.")
    refused_then_left_out(folder, r"gr\\xfcn\.md", "has a name that is not UTF-8")


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"a\0b", "line 1: holds a NUL character"), (b"\n\xff", "line 2: not UTF-8"), (b"x" * 3000, "is larger")],
)
def test_a_document_that_is_no_text_is_told(
    folder: Path, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_kinds, "LARGEST", 2_000)
    (folder / "x.md").write_bytes(data)
    refused_then_left_out(folder, "x.md", said)


def test_what_may_not_be_opened_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "x.md").write_text("Text.")
    (folder / "y").mkdir()
    real_open, real_scan = os.open, os.scandir

    def refuse(path: object) -> None:
        if str(path).endswith(("x.md", "y")):
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", lambda path, *rest: refuse(path) or real_open(path, *rest))
    monkeypatch.setattr(os, "scandir", lambda path: refuse(path) or real_scan(path))
    with pytest.raises(InputError, match=r"(x\.md|y): cannot be read: Permission denied \(check its permissions\)"):
        read_corpus(folder)
    bad = BadDocuments(skip=True)
    assert read_corpus(folder, bad)["source"].to_list() == ["a.md", "hr/pay.md"] and bad.count == 2


def test_folders_inside_each_other_have_a_bound(folder: Path) -> None:
    deep = folder.joinpath(*["d"] * 110)
    deep.mkdir(parents=True)
    (deep / "x.md").write_text("Text.")
    refused_then_left_out(folder, "d", "is more than 100 folders deep")


def test_all_below_labels_that_cannot_be_read_is_left_out(folder: Path) -> None:
    (folder / "hr" / "more").mkdir()
    (folder / "hr" / "more" / "x.md").write_text("Text.")
    (folder / "hr" / ".labels").write_text("#hr\n")
    bad = BadDocuments(skip=True)
    assert read_corpus(folder, bad)["source"].to_list() == ["a.md"]
    assert bad.count == 2


def test_an_id_that_stands_twice_shows_neither_passage(tmp_path: Path) -> None:
    # One of them may be for everybody and the other for few.
    rows = ['{"id": "7", "text": "a", "labels": ["hr"]}', '{"id": "8", "text": "b"}', '{"id": "7", "text": "a"}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    bad = BadDocuments(skip=True)
    assert read_corpus(tmp_path / "a.jsonl", bad)["passage_id"].to_list() == ["8"]
    assert bad.count == 2 and "the id '7' was already used on line 1" in "\n".join(bad.lines())


def test_a_corpus_of_bad_rows_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{x\n" * 20)
    with pytest.raises(InputError, match=r"holds no row that can be read; left out, because they cannot be read: 20; "):
        read_corpus(tmp_path / "a.jsonl", BadDocuments(skip=True))
    # What comes after the end of a damaged archive is not known: that is no bad row.
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(GOOD.encode() * 50)[:-12])
    with pytest.raises(InputError, match="cannot be decompressed"):
        read_corpus(tmp_path / "a.jsonl.gz", BadDocuments(skip=True))


def test_few_of_many_bad_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD + "{\n" * 2_000)
    bad = BadDocuments(skip=True)
    read_corpus(tmp_path / "a.jsonl", bad)
    told = list(bad.lines())
    assert told[0].endswith("2,000") and len(told) == 7 and "line 2: broken JSON" in told[1]


# Commands and stages.


def test_adding_a_corpus_tells_its_labels_and_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD + '{"id": "2", "text": "b"}\n{"id": "3"}\n')
    given = ["add", "corpus", "c", str(tmp_path / "a.jsonl")]
    refused = CliRunner().invoke(app, given)
    assert isinstance(refused.exception, InputError) and "line 3" in str(refused.exception)
    assert not (Path(os.environ["WBRAG_HOME"]) / "corpora").exists()
    told = CliRunner().invoke(app, [*given, "--skip-bad"]).output
    assert "corpus c: 2 passages, 1 with labels (hr 1)" in told
    assert "left out, because they cannot be read: 1\n" in told and "a.jsonl, line 3" in told
    monkeypatch.setenv("WBRAG_SKIP_BAD", "true")
    assert "left out" in CliRunner().invoke(app, [*given, "--replace"]).output
    (tmp_path / "a.jsonl").write_text('{"id": "2", "text": "b"}\n')
    assert "1 passages, 0 with labels (" in CliRunner().invoke(app, [*given, "--replace"]).output


def test_a_refresh_leaves_out_what_is_bad_as_the_setting_says(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps({"id": str(n), "text": f"text {n}", "labels": ["hr"]}) + "\n" for n in range(4)))
    settings = Settings(home=tmp_path / "home")
    add_corpus(settings.home, "c", file)
    registry = Registry.load(settings.home)
    PASSAGES.store(read_passages(settings, registry, "c"), settings, "c")
    file.write_text(file.read_text().replace('["hr"]', '"hr"', 1))
    for read in (read_passages, plan_refresh):
        with pytest.raises(InputError, match=r"a\.jsonl, line 1, field 'labels': must be a list of text"):
            read(settings, registry, "c")
    lenient, bad = settings.with_(skip_bad=True), BadDocuments(skip=True)
    # A passage whose labels cannot be read any more is gone, and is not kept with its old ones.
    assert read_passages(lenient, registry, "c", bad)["passage_id"].to_list() == ["1", "2", "3"]
    assert bad.count == 1 and plan_refresh(lenient, registry, "c").bad.count == 1
    file.write_text(file.read_text().replace('["hr"]', '"hr"', 2))
    with pytest.raises(InputError, match="3 of the 4 passages of corpus c would be deleted"):
        read_passages(lenient, registry, "c")


@pytest.mark.parametrize(
    "value", ["~nobody_at_all/x.jsonl", "x" * 5_000, '"a\\0b"', '"\\ud800"', "*a", "[[[[x]]]]", "9" * 5_000]
)
def test_a_path_of_the_registry_that_leads_nowhere_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "x.yaml").write_text(f"path: {value}\n")
    with pytest.raises(InputError):
        Registry.load(tmp_path).passages("x")
    if value[0] in "~x":
        with pytest.raises(InputError):
            add_corpus(tmp_path / "home", "c", Path(value))
