"""Text that is not UTF-8: what it is is told, with the command that converts it; nothing of it is taken in silence."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.files.encodings import encoding_of, without_controls
from wbrag_pipeline.errors import InputError

GERMAN = "Die Tür zur „Größe“ kostet 5 € – grün.\n"
TEXTS = {
    "utf-16": (GERMAN.encode("utf-16"), "UTF-16"),
    "utf-16, big end first": (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "UTF-16"),
    "utf-16 without a mark": (GERMAN.encode("utf-16-le"), "UTF-16LE"),
    "utf-16 of plain letters without a mark": ("Plain letters.\n".encode("utf-16-be"), "UTF-16BE"),
    "utf-32": (GERMAN.encode("utf-32"), "UTF-32"),
    "cp1252": (GERMAN.encode("cp1252"), "CP1252"),
    "latin1": ("Die Tür ist grün.\n".encode("latin1"), "CP1252"),
    "russian": ("Насос весит сорок два килограмма и покрашен в зелёный цвет.\n".encode("cp1251"), "CP1251"),
    "russian, koi8": ("Насос весит сорок два килограмма и покрашен в зелёный цвет.\n".encode("koi8_r"), "KOI8-R"),
    "chinese": ("甲泵重四十二公斤，漆成绿色。乙泵由北方机械厂制造。\n".encode("gb18030"), "GB18030"),
    "japanese": ("ポンプは四十二キロで、緑色に塗られています。\n".encode("shift_jis"), "CP932"),
}


@pytest.mark.parametrize(("data", "name"), TEXTS.values(), ids=TEXTS)
def test_the_encoding_is_told_with_the_command(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.txt.*iconv -f {name} -t UTF-8"):
        read_corpus(tmp_path)


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".csv.gz"])
@pytest.mark.parametrize("name", ["cp1252", "utf-16", "utf-16-le"])
def test_the_encoding_of_rows_is_told_with_the_command(tmp_path: Path, name: str, ending: str) -> None:
    text = f'{{"id": "1", "text": "{GERMAN.strip()}"}}\n' if ending == ".jsonl" else f"id,text\n1,{GERMAN}"
    data = text.encode(name)
    file = tmp_path / f"a{ending}"
    file.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    told = {"utf-16-le": "UTF-16LE"}.get(name, name.upper())
    with pytest.raises(InputError, match=rf"line [12]: not UTF-8.*iconv -f {told} -t UTF-8"):
        read_corpus(file)


def test_the_command_that_is_told_gives_text_that_is_read(tmp_path: Path) -> None:
    for data, name in TEXTS.values():
        (tmp_path / "a.txt").write_text(data.decode(name), encoding="utf-8")
        assert read_corpus(tmp_path).height == 1


def test_what_the_wrong_command_makes_is_refused(tmp_path: Path) -> None:
    wrong = GERMAN.encode("cp1252").decode("latin1")
    (tmp_path / "a.txt").write_text("\n" + wrong, encoding="utf-8")
    said = r"line 2: holds the control character '\\x84': it was converted from the wrong encoding .*CP1252"
    with pytest.raises(InputError, match=said):
        read_corpus(tmp_path)
    (tmp_path / "a.csv").write_text(f"id,text\n1,{wrong}", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2, field 'text': holds the control character '\\x84'.*CP1252"):
        read_corpus(tmp_path / "a.csv")


def test_control_characters_are_taken_out_and_counted(tmp_path: Path, wbrag_home: Path) -> None:
    (tmp_path / "a.md").write_text("# T\x07\n\nOne\x1b[31mtwo\x7f.\tThree\n\n```\na\tb\x0cc\n```\n")
    bad = BadDocuments()
    (title, text) = read_corpus(tmp_path, bad).select("title", "text").row(0)
    assert (title, text) == ("T", "One [31mtwo . Three\n```\na\tb c\n```") and bad.controls == 4
    told = CliRunner().invoke(app, ["add", "corpus", "c", str(tmp_path)]).output
    assert "control characters taken out: 4" in told
    (tmp_path / "a.jsonl").write_text('{"id": "1", "title": "a\\u0007", "text": "b\\u001b]0;x\\u0007c\\n\\td"}\n')
    bad = BadDocuments()
    assert read_corpus(tmp_path / "a.jsonl", bad)["text"].to_list() == ["b ]0;x c\n\td"] and bad.controls == 3


@given(st.binary(max_size=300))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    if name := encoding_of(data):
        codecs.lookup(name)


@given(st.text(max_size=50))
def test_nothing_but_control_characters_is_taken_out(text: str) -> None:
    clean, count = without_controls(text)
    assert len(clean) == len(text) and sum(a != b for a, b in zip(text, clean, strict=True)) == count
    assert without_controls(clean) == (clean, 0)
