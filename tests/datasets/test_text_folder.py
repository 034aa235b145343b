from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.documents.blocks import paragraphs
from wbrag_pipeline.datasets.documents.passage_cutting import cut_text
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met J. R. R. Tolkien. They spoke.", ["Dr. Smith met J. R. R. Tolkien.", "They spoke."]),
        ("The U.S. Army, e.g. its corps, grew. It won.", ["The U.S. Army, e.g. its corps, grew.", "It won."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("Pi is 3.14 and so on. Yes.", ["Pi is 3.14 and so on.", "Yes."]),
        ("A heading\n\nA sentence.", ["A heading", "A sentence."]),
        ("東京は首都です。人口は多い。", ["東京は首都です。", "人口は多い。"]),
        ("The answer is no. It stays no.", ["The answer is no.", "It stays no."]),
        (" \n\n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [sentence for block in paragraphs(text) for sentence in split_sentences(block.text)] == expected


def test_passages_end_where_sentences_end() -> None:
    forty = " ".join(["word"] * 39) + " end."
    assert [len(passage.split()) for passage in cut_text(" ".join([forty] * 5))] == [80, 80, 40]


def test_a_sentence_too_long_for_a_passage_is_cut() -> None:
    assert [len(passage.split()) for passage in cut_text("Short one. " + "word " * 230)] == [2, 100, 100, 30]


@given(st.text(st.sampled_from("ab A.!?\n\"')"), max_size=600), st.integers(1, 12))
def test_no_word_is_lost_and_no_passage_is_too_long(text: str, words: int) -> None:
    passages = cut_text(text, words)
    # A word that is longer than a passage is cut, too.
    assert "".join("".join(passages).split()) == "".join(text.split())
    assert all(0 < len(passage.split()) <= words for passage in passages)


def test_a_folder_becomes_passages(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "notes.md").write_text("# Hidden\n\nNot read.")
    (tmp_path / "guide" / "intro.md").write_text(
        "---\nlayout: page\n---\n# The *Guide* #\n\nSee [the **map**](map.png). <!-- todo -->It helps.\n\n"
        "## Next steps\n\n- Walk `north`.\n\n```sh\nmake demo\n```\n"
    )
    (tmp_path / "setext.md").write_text("Plain Title\n===========\n\nBody here.\n")
    (tmp_path / "notes.txt").write_bytes("\ufeffFirst line.\r\n\r\n# not a heading\r\n".encode())
    (tmp_path / "empty.md").write_text("\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    frame = read_corpus(tmp_path)
    assert frame.select("passage_id", "title", "text").rows() == [
        (
            "guide/intro.md#1",
            "The Guide",
            "See the map. It helps.\nNext steps\n- Walk `north`.\n```sh\nmake demo\n```",
        ),
        ("notes.txt#1", "notes", "First line.\n# not a heading"),
        ("setext.md#1", "Plain Title", "Body here."),
    ]


def test_ids_of_other_files_stay_when_one_file_changes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One. " * 150)
    (tmp_path / "b.txt").write_text("Two. " * 150)
    before = read_corpus(tmp_path)
    (tmp_path / "a.txt").write_text("One. " * 20)
    after = read_corpus(tmp_path)
    assert before["passage_id"].to_list() == ["a.txt#1", "a.txt#2", "b.txt#1", "b.txt#2"]
    assert after.tail(2).equals(before.tail(2))


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"holds no text in documents .*\.png 1"):
        read_corpus(tmp_path)


def test_a_file_that_is_not_utf8_names_line_and_offset(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes("# Füße\n\ngrün".encode("latin1"))
    with pytest.raises(InputError, match=r"a\.md, line 1: not UTF-8: byte 0xfc at offset 3 .*iconv -f CP1252"):
        read_corpus(tmp_path)


def test_labels_come_from_front_matter_and_from_the_folders_above(tmp_path: Path) -> None:
    (tmp_path / "hr" / "pay").mkdir(parents=True)
    (tmp_path / "hr" / ".labels").write_text("hr  # everything below\n\nstaff\n")
    (tmp_path / "hr" / "pay" / ".labels").write_text("pay\n")
    (tmp_path / "hr" / "pay" / "bands.txt").write_text("Bands.")
    (tmp_path / "hr" / "leave.md").write_text("---\nlayout: x\nlabels: [hr, managers]\n---\n# Leave\n\nDays.")
    (tmp_path / "one.md").write_text("---\nlabels: legal; board\n---\nText.")
    (tmp_path / "none.md").write_text("---\nlayout: the labels\n---\nText.")
    (tmp_path / "loose.md").write_text("---\n: : not yaml [\n---\nText.")
    frame = read_corpus(tmp_path)
    assert dict(frame.select("source", "labels").iter_rows()) == {
        "hr/leave.md": ["hr", "managers", "staff"],
        "hr/pay/bands.txt": ["hr", "pay", "staff"],
        "loose.md": [],
        "none.md": [],
        "one.md": ["board", "legal"],
    }
    assert not frame["text"].str.contains("labels").any()


def test_the_time_comes_from_front_matter_alone(tmp_path: Path) -> None:
    (tmp_path / "day.md").write_text("---\ndate: 2024-05-01\n---\nText.")
    (tmp_path / "moment.md").write_text("---\ndate: 2024-05-01 10:00:00 +0200\nlabels: hr\n---\nText.")
    (tmp_path / "none.md").write_text("---\nupdate: : [\n---\nText.")
    (tmp_path / "text.txt").write_text("---\ndate: 2024-05-01\n---\nText.")
    assert dict(read_corpus(tmp_path).select("source", "said_at").iter_rows()) == {
        "day.md": datetime(2024, 5, 1, tzinfo=UTC),
        "moment.md": datetime(2024, 5, 1, 8, tzinfo=UTC),
        "none.md": None,
        "text.txt": datetime(2024, 5, 1, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.md", "---\ndate: soon\n---\nText.", r"a\.md, line 2, field 'date': is no date: 'soon' \(write it as 2026"),
        ("a.md", "---\ndate: [\n---\nText.", r"a\.md, line 3, field 'date': the front matter cannot be read"),
        ("a.md", "---\ndate: 2024\n---\nText.", "must be a date, not a number"),
        ("a.md", "---\nlabels: [hr\n---\nText.", r"a\.md, line 3, field 'labels': the front matter cannot be read"),
        ("a.md", "---\nlabels: 5\n---\nText.", "must be a list of text, not a number"),
        ("a.md", "---\nlabels: [5]\n---\nText.", "must hold text only, not a number"),
        ("a.md", "---\nlabels: hr, pay\n---\nText.", "holds the label 'hr, pay'"),
        ("a.md", "---\nlabels:\n---\nText.", r"must be a list of text, not nothing"),
        (".labels", "hr\na, b\n", r"\.labels, line 2, field 'labels': holds the label"),
    ],
)
def test_labels_and_dates_that_cannot_be_read_are_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / "b.md").write_text("Text.")
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        read_corpus(tmp_path)
