"""Passages longer than an encoder reads: they are counted and told, and ``--split`` cuts them for good."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.documents.blocks import Block
from wbrag_pipeline.datasets.documents.passage_cutting import cut_blocks, cut_text, size_of
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.corpus_source import source_fingerprint
from wbrag_pipeline.retrieval.encoding import reading_limit
from wbrag_pipeline.retrieval.encoding.reading_limit import Unread, token_limit, unread
from wbrag_pipeline.settings import DEFAULT_ENCODER

SENTENCE = "The pump in hall seven weighs forty-two kilograms. "


class Letters:
    """A limit of ten letters."""

    longest = 10

    def count_tokens(self, titles: Sequence[str], texts: Sequence[str]) -> list[int]:
        return [len(title) + len(text) for title, text in zip(titles, texts, strict=True)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = [("16", "T", SENTENCE, None), ("17", "T", SENTENCE * 100, "book"), ("18", "", SENTENCE * 30, None)]
    lines = [json.dumps({"id": i, "title": t, "text": x, "source": s, "labels": ["hr"]}) for i, t, x, s in made]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path / "a.jsonl"


def test_passages_that_are_longer_than_read_are_told_at_adding(file: Path, wbrag_home: Path) -> None:
    told = CliRunner().invoke(app, ["add", "corpus", "c", str(file)]).output
    assert "longer than the encoder reads (256 tokens): 2 of 3 passages; " in told
    assert "of the text is not embedded and cannot be found; --replace --split cuts" in told
    told = CliRunner().invoke(app, ["add", "corpus", "c", str(file), "--replace", "--split"]).output
    assert "longer than" not in told and "long rows that were cut into parts: 2" in told


def test_split_cuts_long_rows_at_sentence_ends(file: Path) -> None:
    found = read_corpus(file, split=100)
    ids = found["passage_id"].to_list()
    assert ids[:3] == ["16", "17#1", "17#2"] and ids[-1] == "18#3" and len(ids) == len(set(ids))
    assert set(found.filter(pl.col("passage_id").str.starts_with("17"))["source"]) == {"book"}
    assert set(found.filter(pl.col("passage_id").str.starts_with("18"))["source"]) == {"18"}
    assert set(map(tuple, found["labels"])) == {("hr",)}
    assert all(text.endswith("kilograms.") and len(text.split()) <= 100 for text in found["text"])
    assert " ".join(found["text"]).split() == " ".join(read_corpus(file)["text"]).split()


def test_split_is_remembered_by_the_registry(file: Path, wbrag_home: Path) -> None:
    added = add_corpus(wbrag_home, "c", file, split=True)
    registry = Registry.load(wbrag_home)
    assert registry.corpus("c").split == 100
    assert registry.passages("c").equals(added.table)
    # A corpus whose entry changes is read again.
    assert source_fingerprint(registry.corpus("c")) != source_fingerprint(Corpus("c", file))


@pytest.mark.parametrize("value", ["5", "-1", "1e3", "many", "1000000", "٣٠"])
def test_a_split_that_is_no_number_of_words_is_refused(wbrag_home: Path, value: str) -> None:
    (wbrag_home / "corpora").mkdir(parents=True)
    (wbrag_home / "corpora" / "c.yaml").write_text(f"path: a.jsonl\nsplit: '{value}'\n")
    with pytest.raises(InputError, match=r"c\.yaml, field 'split': .* is no number of words"):
        Registry.load(wbrag_home)


def test_a_folder_is_not_split(tmp_path: Path, wbrag_home: Path) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "a.md").write_text("Text.")
    with pytest.raises(InputError, match="a folder is always cut"):
        add_corpus(wbrag_home, "c", tmp_path / "kb", split=True)


def test_a_part_whose_id_another_row_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"id": "1#2", "text": "x"}}\n{{"id": "1", "text": "{SENTENCE * 40}"}}\n')
    with pytest.raises(InputError, match=r"line 2, field 'id': the id '1#2' was already used on line 1"):
        read_corpus(tmp_path / "a.jsonl", split=100)


def test_what_is_not_read_is_counted() -> None:
    texts = ["a" * 9, "a" * 8 + "bb", "a" * 18]
    found = unread(pl.DataFrame({"title": ["t"] * 3, "text": texts}), Letters())
    assert found == Unread(10, 2, 3, pytest.approx((1 + 9) / 40), False)
    assert unread(pl.DataFrame({"title": [""], "text": ["a" * 10]}), Letters()).passages == 0


def test_of_many_passages_a_part_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_limit, "_LOOKED_AT", 100)
    texts = ["a" * 5, "a" * 20] * 500
    found = unread(pl.DataFrame({"title": [""] * 1000, "text": texts}), Letters())
    assert found.estimated and found.total == 1000 and 350 < found.passages < 650
    assert "about" in str(found)


def test_the_tokens_are_those_of_the_default_encoder() -> None:
    limit = token_limit(DEFAULT_ENCODER)
    assert limit is not None and limit.longest == 256
    assert limit.count_tokens(["", "pump"], ["hello world", "hello world"]) == [4, 5]
    assert token_limit("intfloat/e5-base-v2") is None


# Sizes where blanks do not separate words.


def test_chinese_is_cut_by_characters(tmp_path: Path) -> None:
    text = "甲泵重四十二公斤，漆成绿色。" * 100
    (tmp_path / "a.md").write_text(f"# 泵\n\n{text}\n", encoding="utf-8")
    found = read_corpus(tmp_path)["text"].to_list()
    assert "".join(found) == text
    assert all(150 < len(part) <= 200 and part.endswith("。") for part in found[:-1])
    limit = token_limit(DEFAULT_ENCODER)
    assert limit is not None and max(limit.count_tokens([""] * len(found), found)) <= 256


@pytest.mark.parametrize("text", ["泵" * 1_000, "ポンプは重い" * 200, "น้ำมันหล่อลื่น" * 100, "x" * 10_000, "a=b;" * 2_000])
def test_text_without_blanks_is_cut_and_nothing_is_lost(text: str) -> None:
    parts = cut_text(text)
    assert len(parts) > 1 and "".join(parts) == text
    assert max(map(len, parts)) <= 2_000


@pytest.mark.parametrize(
    ("word", "size"),
    [("pump", 1), ("(e.g.", 1), ("Donaudampfschiffahrt", 1), ("x" * 50, 3), ("四十二公", 2), ("self.a[i](x,y)", 3)],
)
def test_sizes_are_about_those_of_an_encoder(word: str, size: int) -> None:
    assert size_of(word) == size


blocks = st.builds(
    lambda text, level, fence: Block(text, 0 if fence else level, fence),
    st.text(st.sampled_from("ab .!\n泵。`~#"), max_size=80),
    st.integers(0, 3),
    st.sampled_from(["", "", "```", "~~~~py"]),
)


@given(st.lists(blocks, max_size=10), st.integers(10, 30))
def test_a_document_is_cut_without_losing_anything(document: list[Block], words: int) -> None:
    cuts = list(cut_blocks(document, words))
    for letter in "ab泵。.!#":  # none of them is in a fence, which each part of code has anew
        assert sum(cut.text.count(letter) for cut in cuts) == sum(block.text.count(letter) for block in document)
    headings = {block.text for block in document if block.level}
    assert all(set(cut.path) <= headings for cut in cuts)
