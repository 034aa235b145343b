"""The index of words: what is counted, in any script, that scores are bm25s' own, and that its files are checked."""

from __future__ import annotations

from pathlib import Path

import bm25s
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval import lexical_index
from wbrag_pipeline.retrieval.bm25 import bm25_search
from wbrag_pipeline.retrieval.lexical_index import (
    LexicalIndex,
    lexical_index_of,
    open_lexical_index,
    split_words,
    write_lexical_index,
)


def texts(*told: str) -> pl.DataFrame:
    return pl.DataFrame({"title": [""] * len(told), "text": told}, schema={"title": pl.String, "text": pl.String})


def index_of(*told: str) -> LexicalIndex:
    return lexical_index_of(texts(*told))


def found(index: LexicalIndex, question: str, top_k: int = 10) -> list[int]:
    ((places, _),) = bm25_search([question], top_k, [(index, None)])[0]
    return places.tolist()


def test_words_places_and_counts_by_hand() -> None:
    index = index_of("The harbour, the HARBOUR of Skerry", "", "the hill")
    assert index.words.to_list() == ["harbour", "hill", "of", "skerry", "the"]
    held = {word: [part.tolist() for part in index.holding(row)] for row, word in enumerate(index.words)}
    assert held["the"] == [[0, 2], [2, 1]] and held["harbour"] == [[0], [2]] and held["hill"] == [[2], [1]]
    assert index.lengths.tolist() == [6, 0, 2] and len(index) == 3
    assert index.rows_of(["the", "a", "zebra", "harbour"]) == [4, None, None, 0]


def test_a_title_is_part_of_a_passage() -> None:
    index = lexical_index_of(pl.DataFrame({"title": ["Skerry"], "text": ["It has a harbour."]}))
    assert found(index, "Skerry") == [0] == found(index, "harbour")


def test_rare_words_come_first_and_what_has_no_word_in_common_is_not_found() -> None:
    index = index_of("the harbour", "the harbour of Skerry", "the hill of C 5")
    assert found(index, "harbour Skerry") == [1, 0]
    assert found(index, "weather") == [] == found(index, "") == found(index, "?!")
    assert found(index, "5") == [2] == found(index, "c")  # words of one character count


def test_of_equal_scores_the_first_place_comes_first() -> None:
    index = index_of(*["the same text"] * 9)
    assert found(index, "same text") == list(range(9)) and found(index, "same text", 4) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("passage", "question"),
    [
        ("東京は日本の首都です。", "日本の首都はどこですか"),
        ("北京是中国的首都。", "中国首都"),
        ("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย", "เมืองหลวงของไทย"),
        ("서울은 대한민국의 수도이다.", "대한민국 수도"),
        ("Die Straße führt über Ärmel.", "STRASSE"),
        ("Η Αθήνα είναι πρωτεύουσα.", "ΑΘΉΝΑ"),
        ("Москва — столица России.", "СТОЛИЦА"),
    ],
)
def test_words_of_every_script_are_found(passage: str, question: str) -> None:
    index = index_of("something else entirely", passage)
    assert found(index, question) == [1]


def test_nothing_at_all_can_be_searched() -> None:
    assert found(index_of(), "anything") == [] == found(index_of("", " "), "anything")
    assert bm25_search([], 5, [(index_of("word"), None)]) == []


words = st.lists(st.sampled_from(["a", "the", "harbour", "of", "skerry", "5", "hill"]), max_size=12).map(" ".join)


@given(st.lists(words, min_size=1, max_size=12), st.lists(words, min_size=1, max_size=4), st.integers(1, 12))
def test_scores_are_those_of_bm25s_on_the_same_words(passages: list[str], questions: list[str], top_k: int) -> None:
    tokens = split_words(texts(*passages).select(pl.concat_str("title", "text", separator="\n")).to_series()).to_list()
    if not any(tokens):  # bm25s cannot index nothing
        return
    theirs = bm25s.BM25()
    theirs.index(tokens, show_progress=False)
    index = index_of(*passages)
    for question, ((places, scores),) in zip(questions, bm25_search(questions, top_k, [(index, None)]), strict=True):
        known = [word for word in question.split() if word in theirs.vocab_dict]
        every = theirs.get_scores(known) if known else np.zeros(len(passages), dtype=np.float32)
        assert scores == pytest.approx(np.sort(every)[::-1][: len(scores)], abs=1e-5)
        assert scores == pytest.approx(every[places], abs=1e-5)
        assert len(scores) == min(top_k, np.count_nonzero(every))


@given(st.lists(words, max_size=12), st.integers(1, 5))
def test_passages_counted_in_parts_are_counted_as_a_whole(passages: list[str], rows: int) -> None:
    whole = index_of(*passages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexical_index, "_ROWS_AT_ONCE", rows)
        assert index_of(*passages).equals(whole)


def written(folder: Path, *told: str) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    texts(*told).write_parquet(folder / "passages.parquet")
    write_lexical_index(folder / "passages.parquet", folder / "lexical")
    return folder / "lexical", folder / "passages.parquet"


@pytest.mark.parametrize("told", [("the harbour of Skerry", "the hill"), ("",), ()], ids=["some", "no words", "none"])
def test_what_was_written_is_opened_mapped_and_is_the_same_from_build_to_build(
    tmp_path: Path, told: tuple[str, ...]
) -> None:
    folder, passages = written(tmp_path / "one", *told)
    opened = open_lexical_index(folder, passages)
    assert opened.equals(index_of(*told))
    assert all(isinstance(getattr(opened, name), np.memmap) for name in ("starts", "lengths") if told)
    again, _ = written(tmp_path / "two", *told)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert files == {file.name: file.read_bytes() for file in again.iterdir()} and len(files) == 6


@pytest.mark.parametrize("name", ["words.parquet", "starts.npy", "places.npy", "counts.npy", "lengths.npy"])
def test_a_file_that_is_not_the_one_that_was_written_is_refused(tmp_path: Path, name: str) -> None:
    folder, passages = written(tmp_path, "the harbour of Skerry")
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match="sha256"):
        open_lexical_index(folder, passages)
    (folder / name).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        open_lexical_index(folder, passages)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"format": 99}', "\x00"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: str) -> None:
    folder, passages = written(tmp_path, "the harbour of Skerry")
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        open_lexical_index(folder, passages)
    (folder / "manifest.json").unlink()
    with pytest.raises(NotBuiltError):
        open_lexical_index(folder, passages)


def test_an_index_of_a_later_format_or_of_other_passages_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, passages = written(tmp_path, "the harbour of Skerry")
    _, others = written(tmp_path / "other", "the hill of Skerry")
    with pytest.raises(IntegrityError, match="passages beside it"):
        open_lexical_index(folder, others)
    monkeypatch.setattr(lexical_index, "_FORMAT", 2)
    with pytest.raises(IntegrityError, match="format 1"):
        open_lexical_index(folder, passages)
