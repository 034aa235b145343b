"""Distillation: what the distiller is given, what a unit records, and that no gold answer gets there."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import polars as pl
import pytest

from tests.rows import rows_of
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tombstones import Tombstones, evidence_hashes, text_hashes
from wbrag_pipeline.generation.generator import Distillate, Generator, Passage
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.distillation import distil
from wbrag_pipeline.training.leaks import leaked_answers

PASSAGES = tables.PASSAGES.check(
    pl.DataFrame(
        [
            ("p1", "Radium", "Radium was found in 1898. It glows.", sha256_of_text("0"), [], "Radium", None),
            ("p2", "Curie", "Marie Curie was born in Warsaw. She moved.", sha256_of_text("1"), [], "Curie", None),
            ("p3", "Noise", "Nothing to see here. Move on.", sha256_of_text("2"), [], "Noise", None),
        ],
        schema=tables.PASSAGES.schema,
        orient="row",
    )
)
QUESTIONS = pl.DataFrame(
    [("q1", "When was radium found?", ["1898", "GOLDMARK"]), ("q2", "Where was Curie born?", ["Warsaw"])],
    schema=tables.SPLIT.schema,
    orient="row",
)


def gated(*rows: tuple[str, str, int, str, bool, bool]) -> pl.DataFrame:
    frame = rows_of(
        tables.GATED_DOCS,
        [(qid, q, rank, pid, 0.5, 1.0, 0.0, 1.0, retained, fallback) for qid, q, rank, pid, retained, fallback in rows],
    )
    return tables.GATED_DOCS.check(frame)


GATED = gated(
    ("q2", "Where was Curie born?", 1, "p2", True, True),
    ("q2", "Where was Curie born?", 2, "p3", False, True),
    ("q1", "When was radium found?", 1, "p3", False, False),
    ("q1", "When was radium found?", 2, "p1", True, False),
    ("q1", "When was radium found?", 3, "p2", True, False),
)


def test_a_unit_a_kept_question_from_its_retained_passages_in_rank_order() -> None:
    generator = Scripted(lambda question, ids: "")
    units = distil(GATED, PASSAGES, generator, benchmark="b")
    assert units["question_id"].to_list() == ["q1", "q2"]
    assert units["source_passage_ids"].to_list() == [["p1", "p2"], ["p2"]]
    assert units["text"].to_list() == [
        "Radium was found in 1898. Marie Curie was born in Warsaw.",
        "Marie Curie was born in Warsaw.",
    ]
    assert units["title"].to_list() == ["Radium", "Curie"]
    assert units["source_tokens"].to_list() == [8 + 9, 9]
    assert units["unit_tokens"].to_list() == [12, 7]
    assert units["fallback"].to_list() == [False, True]
    hashes = dict(PASSAGES.select("passage_id", "content_hash").iter_rows())
    assert units["source_hashes"].to_list() == [[hashes["p1"], hashes["p2"]], [hashes["p2"]]]


def test_a_unit_that_is_all_of_its_source_is_as_long_as_it() -> None:
    class Characters(Scripted):
        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            return [len(text) for text in texts]

        def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
            return [Distillate(row[0].title, row[0].text) for row in passages]

    units = distil(GATED.filter(question_id="q2"), PASSAGES, Characters(lambda q, ids: ""), benchmark="b")
    assert units["source_tokens"].to_list() == units["unit_tokens"].to_list()


def test_the_same_evidence_gives_the_same_unit_byte_for_byte() -> None:
    first = distil(GATED, PASSAGES, Scripted(lambda q, ids: ""), benchmark="b")
    again = distil(GATED.reverse(), PASSAGES.reverse(), Scripted(lambda q, ids: ""), benchmark="b")
    assert first.equals(again)


def test_a_changed_source_is_another_unit() -> None:
    changed = PASSAGES.with_columns(content_hash=pl.col("content_hash").str.reverse())
    first = distil(GATED, PASSAGES, Scripted(lambda q, ids: ""), benchmark="b")
    assert not set(first["unit_id"]) & set(
        distil(GATED, changed, Scripted(lambda q, ids: ""), benchmark="b")["unit_id"]
    )


def test_a_unit_has_the_labels_of_all_its_sources() -> None:
    plain = distil(GATED, PASSAGES, Scripted(lambda q, ids: ""), benchmark="b")
    assert plain["labels"].to_list() == [[], []]
    labelled = PASSAGES.with_columns(labels=pl.Series([["hr", "it"], ["hr", "finance"], ["secret"]]))
    units = distil(GATED, labelled, Scripted(lambda q, ids: ""), benchmark="b", fuse_labels=True)
    assert units["labels"].to_list() == [["finance", "hr", "it"], ["finance", "hr"]]
    assert units["unit_id"].to_list() == plain["unit_id"].to_list()


@pytest.mark.parametrize(
    ("labels", "sources"),
    [
        ([["hr"], ["it"], ["it"], ["hr"], ["hr"]], ["p1", "p4", "p5"]),  # the larger group
        ([["hr"], ["it"], ["it"], ["hr"], []], ["p1", "p4"]),  # of two as large the one with the best rank
        ([[], ["it"], ["a", "it"], ["a"], ["b"]], ["p1"]),  # overlapping sets are different sets
        ([["a", "b"]] * 5, ["p1", "p2", "p3", "p4", "p5"]),
    ],
)
def test_passages_that_different_readers_may_see_are_not_fused(labels: list[list[str]], sources: list[str]) -> None:
    names = [f"p{i}" for i in range(1, 6)]
    passages = pl.DataFrame(
        [(n, n, f"{n} says so.", n, marks, n, None) for n, marks in zip(names, labels, strict=True)],
        schema=tables.PASSAGES.schema,
        orient="row",
    )
    docs = gated(*(("q", "?", rank, name, True, False) for rank, name in enumerate(names, start=1)))
    (unit,) = distil(docs, passages, Scripted(lambda q, ids: ""), benchmark="b").iter_rows(named=True)
    assert unit["source_passage_ids"] == sources
    assert unit["labels"] == labels[names.index(sources[0])]
    assert all(f"{name} says so." not in unit["text"] for name in set(names) - set(sources))


def test_the_distiller_is_never_given_a_gold_answer() -> None:
    generator = Scripted(lambda question, ids: "")
    distil(GATED, PASSAGES, generator, benchmark="b")
    assert "GOLDMARK" not in repr(generator.distilled)
    # By the types: neither table has the column, and the call has no argument for it.
    assert "golden_answers" not in {*tables.GATED_DOCS.schema, *tables.PASSAGES.schema, *tables.KNOWLEDGE_UNITS.schema}
    assert [*inspect.signature(Generator.distill).parameters] == ["self", "questions", "passages"]


def test_a_distiller_without_words_gives_no_unit() -> None:
    generator = Scripted(lambda question, ids: "")
    generator.distill = lambda questions, passages: [Distillate("T", " ") for _ in questions]  # type: ignore[method-assign]
    assert distil(GATED, PASSAGES, generator, benchmark="b").is_empty()


def test_nothing_kept_gives_an_empty_table() -> None:
    assert distil(GATED.clear(), PASSAGES, Scripted(lambda q, ids: ""), benchmark="b").is_empty()


@pytest.mark.parametrize(
    ("text", "leaks"),
    [("It was found in 1898.", 0), ("The answer is GOLDMARK.", 1), ("Found by goldmarks.", 0), ("Warsaw", 0)],
)
def test_an_answer_that_no_source_holds_is_found_in_a_unit(text: str, leaks: int) -> None:
    units = distil(GATED, PASSAGES, Scripted(lambda q, ids: ""), benchmark="b").with_columns(text=pl.lit(text))
    assert leaked_answers(units, PASSAGES, QUESTIONS) == leaks


def test_no_unit_is_made_of_forgotten_evidence_when_its_question_or_its_source_is_called_otherwise() -> None:
    (content,) = PASSAGES.filter(passage_id="p2")["content_hash"]
    texts = text_hashes(PASSAGES.filter(passage_id="p2")["text"])
    forgotten = Tombstones(evidence=evidence_hashes("b", "Where was Curie born?", [content], texts))
    renumbered = GATED.with_columns(pl.col("question_id").replace("q2", "q9"))
    headed = PASSAGES.with_columns(content_hash=pl.col("content_hash") + "0")
    for hits, passages in ((GATED, PASSAGES), (renumbered, PASSAGES), (GATED, headed)):
        units = distil(hits, passages, Scripted(lambda q, ids: ""), benchmark="b", forgotten=forgotten)
        assert units["question_id"].to_list() == ["q1"]
    other = GATED.with_columns(pl.col("question").replace("Where was Curie born?", "Where did Curie live?"))
    assert distil(other, PASSAGES, Scripted(lambda q, ids: ""), benchmark="b", forgotten=forgotten).height == 2


def test_no_unit_is_made_with_a_forgotten_text() -> None:
    text = pl.Series(["MARIE Curie was born in Warsaw"])
    forgotten = Tombstones(units=frozenset(text_hashes(text)))
    units = distil(GATED, PASSAGES, Scripted(lambda q, ids: ""), benchmark="b", forgotten=forgotten)
    assert units["question_id"].to_list() == ["q1"]
