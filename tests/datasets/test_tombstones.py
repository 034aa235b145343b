"""Tombstones: what was forgotten does not come back in another dress, and what only looks like it stays."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tombstones import (
    Tombstones,
    add_tombstones,
    evidence_hashes,
    question_hashes,
    read_tombstones,
    sentence_hashes,
    source_hash,
    text_hashes,
)
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.storage import sha256_of_text

SAID = "Anna O’Neill was paid 17,000 euros — in cash — at the Café Füße. 日本語のテキスト、です。"
FORMS = st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])
BLANKS = st.sampled_from([" ", "\n", "\u00a0", "\u3000", "  \t"])
FULL_WIDTH = {ord(letter): ord(letter) + 0xFEE0 for letter in "abcdefghij0123456789,."}


def passages(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """PASSAGES of rows (id, title, text, source)."""
    whole = [(i, title, text, sha256_of_text(title, text), [], source, None) for i, source, title, text in rows]
    return pl.DataFrame(whole, schema=tables.PASSAGES.schema, orient="row")


def questions(*asked: str) -> pl.DataFrame:
    return pl.DataFrame([(str(n), text, []) for n, text in enumerate(asked)], schema=tables.SPLIT.schema, orient="row")


def hashes(*texts: str) -> frozenset[str]:
    return frozenset(text_hashes(pl.Series(texts, dtype=pl.String)))


@st.composite
def dressed(draw: st.DrawFn, text: str = SAID) -> str:
    """The same text in other letters' forms, case, punctuation and blanks."""
    text = draw(st.sampled_from([str, str.upper, str.lower, str.title]))(text)
    text = text.replace(" ", draw(BLANKS)).replace("’", draw(st.sampled_from(["'", "’", "`"])))
    text = text.replace("—", draw(st.sampled_from(["-", "–", "", "(", "..."])))
    text = text.translate(FULL_WIDTH) if draw(st.booleans()) else text
    text = text.replace("a", "\u00ada\u200b") if draw(st.booleans()) else text
    end = draw(st.sampled_from(["", "!", "  ", "…", "\ufeff"]))
    return unicodedata.normalize(draw(FORMS), draw(st.sampled_from(["", "„", "- "])) + text + end)


@given(dressed(), st.text(max_size=10))
def test_a_forgotten_text_is_left_out_in_any_dress_and_under_any_title(text: str, title: str) -> None:
    forgotten = Tombstones(texts=hashes(SAID))
    found = passages(("1", "s", title, text), ("2", "s", "T", "Anna O’Neill was paid 17,000 euros."))
    assert forgotten.without_forgotten_passages(found, "any")["passage_id"].to_list() == ["2"]


@given(dressed("Who paid “Anna O’Neill” in the Café Füße?"))
def test_a_forgotten_question_is_not_asked_in_any_dress(text: str) -> None:
    (known,) = question_hashes(pl.Series(["Who paid “Anna O’Neill” in the Café Füße?"]))
    assert Tombstones(questions=known).without_forgotten_questions(questions(text)).is_empty()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is C++?", "What is C#?"),
        ("What is C?", "What is C++?"),
        ("Is x > 5?", "Is x < 5?"),
        ("It costs 5 €.", "It costs 5 $."),
        ("The dose is 1.5 mg.", "The dose is 15 mg."),
        ("!!!", "???"),
        ("🙂", "🙁"),
        ("a b", "ab"),
    ],
)
def test_what_differs_in_a_symbol_or_a_figure_is_another_text(one: str, other: str) -> None:
    assert not hashes(one) & hashes(other)
    first, second = question_hashes(pl.Series([one, other]))
    assert not first & second


def test_nothing_is_read_from_a_forgotten_source_whatever_it_says_now() -> None:
    name = "hr/Gehälter.md"
    forgotten = Tombstones(sources=frozenset({source_hash("handbook", name)}))
    nfd = unicodedata.normalize("NFD", name)
    found = passages(("1", name, "New", "A typo corrected."), ("2", nfd, "T", "And more."), ("3", "it.md", "T", "IT."))
    assert forgotten.without_forgotten_passages(found, "handbook")["passage_id"].to_list() == ["3"]
    assert forgotten.without_forgotten_passages(found, "other").height == 3


def test_sentences_of_a_forgotten_passage_do_not_come_back_when_the_document_is_cut_anew() -> None:
    said = ["Anna earns 5,000 euros.", "She has two children."]
    known = sentence_hashes(source_hash("handbook", "a.md"), said)
    forgotten = Tombstones(sentences=frozenset(known), texts=hashes(" ".join(said)))
    found = passages(
        ("a#1", "a.md", "T", "A new beginning. ANNA earns 5,000 euros"),
        ("a#2", "a.md", "T", "She has two  children."),
        ("a#3", "a.md", "T", "What stays."),
        ("b#1", "b.md", "T", "She has two children. They play."),
    )
    left = forgotten.without_forgotten_passages(found, "handbook")
    assert left["text"].to_list() == ["A new beginning.", "What stays.", "She has two children. They play."]
    assert left["content_hash"][0] == sha256_of_text("T", "A new beginning.")
    assert left.schema == found.schema
    assert forgotten.without_forgotten_passages(found, "other").equals(found)


def test_evidence_is_known_when_a_log_without_ids_was_renumbered_or_a_heading_changed() -> None:
    known = evidence_hashes("b", "Who founded it?", ["c1", "c2"], ["t1", "t2"])
    assert known & evidence_hashes("b", "who founded it", ["c2", "c1"], None, "train_7")
    assert known & evidence_hashes("b", "Who founded it?", ["other", "c2"], ["t2", "t1"])
    for other in (("b", "Who left it?"), ("b2", "Who founded it?")):
        assert not known & evidence_hashes(*other, ["c1", "c2"], ["t1", "t2"], "train_1")
    assert not known & evidence_hashes("b", "Who founded it?", ["c1"], ["t1"])


def test_a_unit_whose_text_was_forgotten_is_not_made_again() -> None:
    forgotten = Tombstones(units=hashes("Radium glows."))
    units = pl.DataFrame({"unit_id": ["u_1", "u_2"], "text": ["Radium — GLOWS!", "Radium glows green."]})
    assert forgotten.without_forgotten_units(units)["unit_id"].to_list() == ["u_2"]


def test_tombstones_of_earlier_versions_count_as_they_did(tmp_path: Path) -> None:
    """Files of 0.9: three lists, questions by blanks and case alone, evidence by the question's id."""
    passage = passages(("1", "s", "T", "Old text."), ("2", "s", "T", "Other text."))
    evidence = sha256_of_text("evidence", "b", "train_1", "c1", "c2")
    old = {
        "passages": [passage["content_hash"][0]],
        "questions": [sha256_of_text("question", "who founded aldermoor?")],
        "evidence": [evidence],
    }
    file = tmp_path / "forgotten" / "tombstones.json"
    file.parent.mkdir()
    file.write_text(json.dumps(old), encoding="utf-8")
    add_tombstones(tmp_path, Tombstones(texts=hashes("Other text.")))
    found = read_tombstones(tmp_path)
    assert found.without_forgotten_passages(passage, "c").is_empty()
    left = found.without_forgotten_questions(questions("Who  founded Aldermoor?", "Who founded Corvane?"))
    assert left["question"].to_list() == ["Who founded Corvane?"]
    assert found.evidence & evidence_hashes("b", "Whatever?", ["c2", "c1"], None, "train_1")


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"passages": []}', "{", '{"passages": 1, "questions": 1, "evidence": 1}']
)
def test_tombstones_that_cannot_be_read_are_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "forgotten").mkdir()
    (tmp_path / "forgotten" / "tombstones.json").write_text(content, encoding="utf-8")
    with pytest.raises(IntegrityError, match="what was forgotten is not known"):
        read_tombstones(tmp_path)
