"""What a retriever shows becomes tables; what cannot be used is left out and counted, and never shown to anybody."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline import tables
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages, tables_of_hits
from wbrag_pipeline.storage import sha256_of_text

ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))
PASSAGE = st.builds(
    PassageHit,
    st.text(max_size=5) | st.text(st.characters(categories=["Cc", "Cs", "Ll"]), max_size=5) | ANY,
    st.text(max_size=3),
    st.sampled_from(["", "1", "u_0123456789abcdef", "a\nb"]) | st.text(max_size=3),
    ANY,
    st.dictionaries(st.sampled_from(["labels", "label", "acl", "title", "source", "date", "x"]) | st.text(), ANY),
)


def one(passage: PassageHit) -> ShownPassages:
    return tables_of_hits(["q"], [[passage]], 5)


def test_passages_and_the_questions_that_show_them() -> None:
    found = [
        [PassageHit(" text\n", "T", "1", 0.5), PassageHit("other", id="2", score=0.1)],
        [],
        [PassageHit("text", "T", "1", 0.9)],
    ]
    made = tables_of_hits(["a", "b", "c"], found, 7)
    assert made.shown.rows() == [
        ("a", 7, 1, "1", 0.5),
        ("a", 7, 2, "2", pytest.approx(0.1)),
        ("b", 7, 0, None, None),
        ("c", 7, 1, "1", pytest.approx(0.9)),
    ]
    hashes = [sha256_of_text("T", "text"), sha256_of_text("", "other")]
    assert made.passages.select("passage_id", "title", "text", "content_hash", "source").rows() == [
        ("1", "T", "text", hashes[0], "T"),
        ("2", "", "other", hashes[1], "2"),
    ]
    assert not made.left_out


def test_a_passage_without_an_id_is_known_by_what_it_says() -> None:
    assert one(PassageHit("text", "T")).passages["passage_id"].to_list() == [sha256_of_text("T", "text")[:16]]
    assert one(PassageHit("text", "T", "a\nb")).passages["passage_id"].to_list() == [sha256_of_text("T", "text")[:16]]


@pytest.mark.parametrize("labels", [["hr", "finance"], ("finance", "hr"), "hr; finance", {"hr", "finance"}])
def test_labels_are_read_from_metadata(labels: Any) -> None:
    for key in ("labels", "Access_Labels"):
        assert one(PassageHit("text", metadata={key: labels})).passages["labels"].to_list() == [["finance", "hr"]]


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": 3},
        {"labels": None},
        {"labels": ["hr", 3]},
        {"labels": ["hr\nx"]},
        {"labels": [""]},
        {"labels": ";"},
        {"acl": ["hr"]},
        {"lables": ["hr"]},
        {"labels": ["hr"], "label": []},
        {"access": {"labels": ["hr"]}},
        {"meta": '{"labels": ["hr"]}'},
    ],
)
def test_a_passage_whose_labels_cannot_be_read_is_shown_to_nobody(metadata: dict[str, Any]) -> None:
    made = one(PassageHit("text", id="1", metadata=metadata))
    assert made.passages.is_empty()
    assert dict(made.left_out) == {"a passage whose access labels cannot be read": 1}


@pytest.mark.parametrize("text", ["", "  ", "\0\x01", "\ud800", None, 3])
def test_a_passage_without_text_is_left_out_and_counted(text: Any) -> None:
    made = one(PassageHit(text))
    assert made.passages.is_empty() and dict(made.left_out) == {"a passage without text": 1}


def test_a_unit_of_ours_is_no_passage() -> None:
    made = one(PassageHit("text", id="u_0123456789abcdef"))
    assert made.passages.is_empty() and sum(made.left_out.values()) == 1


def test_one_id_with_two_texts_is_found() -> None:
    twice = [[PassageHit("a", id="1")], [PassageHit("b", id="1"), PassageHit("c", id="2")]]
    assert tables_of_hits(["q", "r"], twice, 5).ids_of_two_texts() == ["1"]


def test_more_than_was_asked_for_and_repeated_passages_are_counted() -> None:
    made = tables_of_hits(["q"], [[PassageHit("a", id=name) for name in ("1", "1", "2", "3", "4")]], 2)
    assert made.shown["passage_id"].to_list() == ["1", "2"]
    assert sum(made.left_out.values()) == 3


@given(st.lists(PASSAGE, max_size=4))
def test_whatever_is_shown_can_be_stored_or_is_counted(passages: list[PassageHit]) -> None:
    made = tables_of_hits(["q"], [passages], 3)
    tables.SHOWN.check(made.shown)
    assert dict(made.passages.schema) == dict(tables.PASSAGES.schema)
    made.passages.write_ipc(None)
    shown = made.shown.filter(pl.col("rank") > 0)
    assert shown.height + sum(made.left_out.values()) == len(passages)
    assert set(shown["passage_id"]) == set(made.passages["passage_id"])
