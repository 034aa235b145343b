"""What looks like access labels is read as labels or refused with file and line; prose on labels stays prose."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.label_keys import label_key
from wbrag_pipeline.errors import InputError

TEXT = "Salary bands are reviewed in March.\n"

READ = {
    "usual": "---\nlabels: [hr]\n---\n",
    "closed by four dashes": "---\nlabels: [hr]\n----\n",
    "closed by dots": "---\nlabels: [hr]\n...\n",
    "after a blank line": "\n \n---\nlabels: [hr]\n---\n",
    "after a byte order mark": "\ufeff\ufeff---\nlabels: [hr]\n---\n",
    "after an invisible mark": "\u200b---\nlabels: [hr]\n---\n",
    "after comments": "<!-- (c) 2026 -->\n\n<!--\nx\n-->\n---\nlabels: [hr]\n---\n",
    "toml": '+++\nlabels = ["hr"]\n+++\n',
    "json": '{"title": "Pay", "labels": ["hr"]}\n',
    "json on many lines": '{\n  "labels": ["hr"]\n}\n\n',
    "capital": "---\nLabels: [hr]\n---\n",
    "capitals": "---\nLABELS: [hr]\n---\n",
    "singular": "---\nlabel: hr\n---\n",
    "access labels": "---\naccess-labels: [hr]\n---\n",
    "in quotes": '---\n"labels": [hr]\n---\n',
    "in escapes": '---\n"\\x6cabels": [hr]\n---\n',
    "blank before the colon": "---\nlabels : [hr]\n---\n",
    "key with a question mark": "---\n? labels\n: [hr]\n---\n",
    "wide letters": "---\nｌａｂｅｌｓ: [hr]\n---\n",
    "invisible mark in the key": "---\nlab\u200bels: [hr]\n---\n",
    "look-alike letter in the key": "---\nl\u0430bels: [hr]\n---\n",
    "windows line ends": "---\r\nlabels: [hr]\r\n---\r\n",
    "line separators": "---\u2028labels: [hr]\u2028---\u2028",
}
REFUSED = {
    "not closed": "---\nlabels: [hr]\n\n",
    "not closed, after another key": "---\ntitle: x\n\nlabels: [hr]\n\n",
    "not closed, in braces": "---\n{title: x, labels: [hr]}\n\n",
    "after a rule that is no fence": "---\n\nlabels: [hr]\n\n",
    "a list": "---\n- labels: [hr]\n---\n",
    "twice": "---\nlabels: [hr]\nlabels: []\n---\n",
    "twice in another case": "---\nlabels: [hr]\nLabels: []\n---\n",
    "twice in json": '{"labels": ["hr"], "labels": []}\n',
    "twice in toml": '+++\nlabels = ["hr"]\nLabels = []\n+++\n',
    "inside another key": "---\nmeta:\n  labels: [hr]\n---\n",
    "inside a list": "---\nmeta: [{x: {Label: hr}}]\n---\n",
    "inside a toml table": '+++\n[meta]\nlabels = ["hr"]\n+++\n',
    "broken toml": "+++\nlabels = [hr]\n+++\n",
    "toml not closed": '+++\nlabels = ["hr"]\n\n',
    "broken json": "{labels: [hr]}\n",
    "json and text on one line": '{"labels": ["hr"]} ',
    "nothing": "---\nlabels:\n---\n",
    "null": "---\nlabels: ~\n---\n",
    "empty text": '---\nlabels: ""\n---\n',
    "only separators": '---\nlabels: " ; "\n---\n',
    "a number": "---\nlabels: [5]\n---\n",
    "a boolean": "---\nlabels: [yes]\n---\n",
    "a date": "---\nlabels: [2024-05-01]\n---\n",
    "inside another key, without a blank": "---\nmeta:\n  labels:[hr]\n---\n",
    "no blank after the colon": "---\nlabels:[hr]\n---\n",
    "an equals sign": "---\nlabels = [hr]\n---\n",
    "a tag": "---\nlabels: !!set {hr}\n---\n",
    "a merge key": "---\n<<: {labels: [hr]}\n---\n",
    "an alias": "---\na: &a [hr]\nlabels: *a\n---\n",
    "a slip of the pen": "---\nlables: [hr]\n---\n",
    "another word": "---\nacl: [hr]\n---\n",
    "another impossible field": "---\nlabels: [hr]\nreviewed: 2023-13-01\n---\n",
    "two dashes": "--\nlabels: [hr]\n--\n",
    "a dash that a word processor made": "—\nlabels: [hr]\n—\n",
    "a fence with a language": "---yaml\nlabels: [hr]\n---\n",
    "an indented fence": " ---\n labels: [hr]\n ---\n",
    "in a code block at the start": "```yaml\nlabels: [hr]\n```\n",
    "no fence": "title: x\nlabels: hr; finance\n\n",
    "after the title": "# Pay\n\nlabels: [hr]\n\n",
    "between rules after the title": "# Pay\n---\nlabels:\n- hr\n---\n",
    "a second block": "---\ntitle: x\n---\n---\nlabels: [hr]\n---\n",
    "in a comment": "<!--\nnote\n\nlabels: [hr]\n-->\n",
}
PROSE = {
    "speaks of labels": "# Labels\n\nLabels: Kubernetes uses labels to organise objects.\n",
    "begins with a rule": "---\n\nAbout labels: they are pairs of keys and values.\n\n---\n\n",
    "begins with a rule, alone": "---\n\nLabels are pairs.\n\n",
    "code": "# Pods\n\n```yaml\nmetadata:\n  labels:\n    app: x\n---\nlabels: [a]\n```\n",
    "begins with code": "```yaml\nmetadata:\n  labels:\n    app: x\n```\n",
    "a template": '{% include labels.html labels="a" %}\n',
    "the word in another key": "---\nsidebar_label: Overview: all\n---\n",
    "the word in a value": '---\ntitle: How labels work\ndescription: "labels: what they are"\ntags: [labels]\n---\n',
    "a comment in front matter": "---\ntitle: x\n# labels: [hr]\n---\n",
    "far below": "Text first.\n\nMore.\n\nlabels: a, b\n\n",
    "for everybody": "---\nlabels: []\nmeta: {labels: [hr]}\n---\n",
}


def document(folder: Path, text: str, name: str = "a.md") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.MARKDOWN"])
@pytest.mark.parametrize("head", READ.values(), ids=READ)
def test_labels_of_front_matter_are_read(tmp_path: Path, head: str, name: str) -> None:
    frame = read_corpus(document(tmp_path, head + TEXT, name))
    assert frame["labels"].to_list() == [["hr"]]
    assert frame["text"].to_list() == [TEXT.strip()]


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
@pytest.mark.parametrize("head", REFUSED.values(), ids=REFUSED)
def test_what_looks_like_labels_is_refused(tmp_path: Path, head: str, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}, line \d+") as caught:
        read_corpus(document(tmp_path, head + TEXT, name))
    assert caught.value.hint


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
def test_prose_that_speaks_of_labels_is_for_everybody(tmp_path: Path, text: str) -> None:
    frame = read_corpus(document(tmp_path, text + TEXT))
    assert frame["labels"].to_list() == [[]] and frame["text"][0].endswith(TEXT.strip())


def test_this_documentation_can_be_a_corpus() -> None:
    frame = read_corpus(Path(__file__).parents[2] / "docs")
    assert frame.height > 100 and frame["labels"].list.len().sum() == 0


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("#ops\n", 1),
        ("hr\nc#\n", 2),
        ("hr#all\n", 1),
        ("hr #all\n", 1),
        ("- hr\n", 1),
        ("[hr]\n", 1),
        ("labels: hr\n", 1),
        ('"hr"\n', 1),
        ("hr, finance\n", 1),
        ("x" * 500, 1),
        ("hr\n" + " " * 100_000 + "x", 2),
    ],
)
def test_a_line_of_a_labels_file_that_may_be_a_comment_is_refused(tmp_path: Path, content: str, line: int) -> None:
    (tmp_path / ".labels").write_text(content)
    with pytest.raises(InputError, match=rf"\.labels, line {line}\b.*\(write one label a line; a comment is"):
        read_corpus(document(tmp_path, TEXT))


@pytest.mark.parametrize("content", ["", "\n \n", "# nobody\n", "#\n"])
def test_a_labels_file_without_labels_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / ".labels").write_text(content)
    with pytest.raises(InputError, match=r"\.labels: holds no label \(take the file away"):
        read_corpus(document(tmp_path, TEXT))


def test_comments_of_a_labels_file_are_none_of_its_labels(tmp_path: Path) -> None:
    (tmp_path / ".labels").write_text("# who may read: hr\nhr  # and others\n\tfinance #\nteam:a b\n")
    assert read_corpus(document(tmp_path, TEXT))["labels"].to_list() == [["finance", "hr", "team:a b"]]


@pytest.mark.parametrize("kind", ["broken link", "circle", "folder", "outside", "pipe", "unreadable", "not UTF-8"])
def test_a_labels_file_that_cannot_be_read_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = document(tmp_path / "kb", TEXT)
    file, outside = folder / ".labels", tmp_path / "hr"
    outside.write_text("hr")
    if kind == "broken link":
        file.symlink_to("nowhere")
    elif kind == "circle":
        file.symlink_to(".labels")
    elif kind == "folder":
        file.mkdir()
    elif kind == "outside":
        file.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.write_bytes(b"hr" if kind == "unreadable" else b"h\xff")
    if kind == "unreadable":
        real = os.open

        def refusing(path: str, *rest: int) -> int:
            if str(path).endswith(".labels"):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *rest)

        monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(InputError, match=r"\.labels"):
        read_corpus(folder)


def test_a_labels_file_may_be_a_link_to_one_in_the_same_corpus(tmp_path: Path) -> None:
    (tmp_path / "staff.list").write_text("staff\n")
    (tmp_path / ".labels").symlink_to("staff.list")
    assert read_corpus(document(tmp_path, TEXT))["labels"].to_list() == [["staff"]]


@pytest.mark.parametrize(
    "name", [".Labels", ".LABELS", ".labels.txt", ".label", "_labels", "labels", "Labels", ".lables"]
)
def test_a_file_that_is_nearly_named_labels_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hr\n")
    with pytest.raises(InputError, match=rf"{name}: looks like access labels, and is not read \(name it \.labels"):
        read_corpus(document(tmp_path, TEXT))


@pytest.mark.parametrize("name", [".labels~", ".labels.swp", "labels.md", "labels.png", ".gitlabels"])
def test_other_files_may_have_the_word_in_their_names(tmp_path: Path, name: str) -> None:
    (tmp_path / ".labels").write_text("hr\n")
    (tmp_path / name).write_text("Text.\n")
    (tmp_path / "labels").mkdir()
    assert read_corpus(document(tmp_path, TEXT))["labels"].explode().unique().to_list() == ["hr"]


ROWS = {
    "capital": ('"Labels": ["hr"]', ["hr"]),
    "singular": ('"label": ["hr"]', ["hr"]),
    "access labels": ('"access_labels": ["hr"]', ["hr"]),
    "invisible mark": ('"lab\\u200bels": ["hr"]', ["hr"]),
    "wide letters": ('"ｌａｂｅｌｓ": ["hr"]', ["hr"]),
    "for everybody, and a word in other fields": ('"labels": [], "meta": {"labels": ["hr"]}, "acl": 5', []),
    "twice": ('"labels": ["hr"], "labels": []', "the key 'labels' stands twice"),
    "twice in another case": ('"labels": ["hr"], "Labels": []', "stands twice, as 'labels' and as 'Labels'"),
    "twice further in": ('"labels": [], "meta": {"a": 1, "a": 2}', "the key 'a' stands twice"),
    "inside another field": ('"metadata": {"labels": ["hr"]}', "field 'metadata': has 'labels' inside"),
    "inside a list": ('"metadata": [[{"Label": "hr"}]]', "field 'metadata': has 'Label' inside"),
    "a slip of the pen": ('"lables": ["hr"]', "field 'lables': looks like access labels"),
    "another word": ('"ACL": ["hr"]', "field 'ACL': looks like access labels"),
    "text": ('"Labels": "hr"', "must be a list of text, not text"),
    "null": ('"Labels": null', "must be a list of text, not nothing"),
    "a number": ('"label": 1', "must be a list of text, not a number"),
}


@pytest.mark.parametrize(("fields", "expected"), ROWS.values(), ids=ROWS)
def test_fields_of_a_row_that_look_like_labels(tmp_path: Path, fields: str, expected: list[str] | str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "1", "text": "x", ' + fields + "}\n", encoding="utf-8")
    if isinstance(expected, list):
        assert read_corpus(file)["labels"].to_list() == [expected]
    else:
        with pytest.raises(InputError) as caught:
            read_corpus(file)
        assert expected in str(caught.value) and f"{file}, line 1" in str(caught.value)


def test_columns_that_look_like_labels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,Labels\n1,x,hr; finance\n2,y,\n")
    assert read_corpus(tmp_path / "a.csv")["labels"].to_list() == [["finance", "hr"], []]
    (tmp_path / "b.csv").write_text("id,text,labels\n1,x, ; \n")
    with pytest.raises(InputError, match=r"b\.csv, line 2, field 'labels': holds no label"):
        read_corpus(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("id,text,labels,Label\n1,x,,hr\n")
    with pytest.raises(InputError, match=r"c\.csv, line 2, field 'labels': stands twice"):
        read_corpus(tmp_path / "c.csv")
    pl.DataFrame({"id": ["1"], "text": ["x"], "LABELS": [["hr"]]}).write_parquet(tmp_path / "a.parquet")
    assert read_corpus(tmp_path / "a.parquet")["labels"].to_list() == [["hr"]]
    nested = pl.DataFrame({"id": ["1"], "text": ["x"], "meta": [[{"a": 1, "labels": ["hr"]}]]})
    nested.write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet, row 1, field 'meta': has 'labels' inside"):
        read_corpus(tmp_path / "b.parquet")


@given(st.text(st.sampled_from("labels LABELS_-\u200b\ufeff\"' ｌａｂｅｌｓ"), max_size=12))
def test_a_key_of_the_letters_of_labels_alone_is_never_passed_over(text: str) -> None:
    letters = "".join(mark for mark in text if mark.isalpha() and mark.isascii()).lower()
    if letters in ("label", "labels") and not any(mark in "ｌａｂｅｌｓ" for mark in text):
        assert label_key(text) == "labels"


def test_adding_a_corpus_counts_its_labels(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "text": f"text {n}", "labels": ["hr", "pay"] if n < 2 else ["hr"] if n < 5 else []}
        for n in range(9)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    added = add_corpus(tmp_path / "home", "c", tmp_path / "a.jsonl")
    assert (added.passages, added.labelled, added.labels) == (9, 5, {"hr": 5, "pay": 2})
