"""Which units stand on a corpus that changed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.refresh.source_validity import revalidate_units
from wbrag_pipeline.storage import sha256_of_text

Passage = tuple[str, str, str, Sequence[str]]

CORPUS: list[Passage] = [
    ("p1", "Radium", "Radium was found in 1898. It glows.", []),
    ("p2", "Curie", "Marie Curie found radium. Radium was found in 1898. She moved.", []),
    ("p3", "Polonium", "Polonium was found in 1898.", ["lab"]),
]


def corpus(*rows: Passage) -> pl.LazyFrame:
    return tables.PASSAGES.check(
        pl.DataFrame(
            [
                (i, title, text, sha256_of_text(title, text), list(labels), title, None)
                for i, title, text, labels in rows
            ],
            schema=tables.PASSAGES.schema,
            orient="row",
        )
    ).lazy()


def units(*rows: tuple[str, str, str, list[str]]) -> pl.DataFrame:
    """Units (id, title, text, sources) made from CORPUS."""
    known = {row["passage_id"]: row for row in corpus(*CORPUS).collect().iter_rows(named=True)}
    return rows_of(
        tables.KNOWLEDGE_UNITS,
        [
            {
                "unit_id": unit_id,
                "benchmark": "b",
                "question_id": f"q{unit_id}",
                "question": "?",
                "title": title,
                "text": text,
                "source_passage_ids": sources,
                "source_hashes": [known[source]["content_hash"] for source in sources],
                "source_tokens": 9,
                "unit_tokens": 3,
                "fallback": False,
                "distiller": "by hand",
                "prompt_version": "1",
                "labels": sorted({label for source in sources for label in known[source]["labels"]}),
            }
            for unit_id, title, text, sources in rows
        ],
    )


MADE = units(
    ("u1", "Radium", "Radium was found in 1898.", ["p1", "p2"]),
    ("u2", "Curie", "Marie Curie found radium.", ["p2"]),
    ("u3", "Polonium", "Polonium was found in 1898.", ["p3"]),
)


def without(*gone: str) -> list[Passage]:
    return [row for row in CORPUS if row[0] not in gone]


def decided(now: Sequence[Passage]) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    after, decisions = revalidate_units(MADE, corpus(*now))
    return {row["unit_id"]: row for row in after.to_dicts()}, dict(decisions.select("unit_id", "decision").iter_rows())


def test_nothing_changed() -> None:
    after, decisions = revalidate_units(MADE, corpus(*CORPUS))
    assert after.equals(MADE) and decisions.is_empty()
    after, decisions = revalidate_units(MADE.clear(), corpus(*CORPUS))
    assert after.is_empty() and decisions.is_empty()


def test_a_unit_whose_only_source_is_deleted_goes() -> None:
    after, decisions = decided(without("p3"))
    assert set(after) == {"u1", "u2"} and decisions == {"u3": "retired"}


def test_one_of_two_passages_that_state_the_fact_is_enough() -> None:
    after, decisions = decided(without("p1"))
    assert decisions == {"u1": "kept"} and after["u1"]["source_passage_ids"] == ["p2"]
    # "Radium" is a title that no source has any more, but the word stands in the text of the other one.
    assert after["u1"]["title"] == "Radium" and after["u1"]["text"] == "Radium was found in 1898."
    _, reasons = revalidate_units(MADE, corpus(*without("p1")))
    assert reasons["reason"].to_list() == ["deleted: p1; all it says stands in p2"]


def test_a_title_that_went_with_its_source_goes() -> None:
    made = MADE.with_columns(title=pl.when(pl.col("unit_id") == "u1").then(pl.lit("Radiation")).otherwise("title"))
    after, _ = revalidate_units(made, corpus(*without("p1")))
    assert after["title"].to_list() == ["Curie", "Curie", "Polonium"]


def test_an_edit_elsewhere_in_the_passage_keeps_the_unit_on_its_new_wording() -> None:
    edited = [("p2", "Curie", "Marie Curie found radium. Radium was found in 1898. She moved to Paris.", [])]
    after, decisions = decided([*edited, *without("p2")])
    assert decisions == {"u1": "kept", "u2": "kept"}
    new = sha256_of_text("Curie", edited[0][2])
    assert after["u2"]["source_hashes"] == [new] and after["u1"]["source_hashes"][1] == new  # type: ignore[index]


def test_an_edit_of_what_it_says_retires_it() -> None:
    edited = ("p2", "Curie", "Pierre Curie found radium. She moved.", [])
    after, decisions = decided([edited, *without("p2")])
    assert decisions == {"u1": "kept", "u2": "retired"}
    # The changed passage no longer states it.
    assert after["u1"]["source_passage_ids"] == ["p1"]


def test_a_sentence_must_be_there_whole() -> None:
    made = units(("u", "Radium", "Radium was found in 1898. Marie Curie found radium.", ["p1", "p2"]))
    after, decisions = revalidate_units(made, corpus(*without("p2")))
    assert after.is_empty() and decisions["reason"].to_list() == ["deleted: p2; not all it says stands in p1"]


def test_the_same_text_under_another_id_is_the_same_source() -> None:
    moved = [(f"n{i}", *row[1:]) for i, row in enumerate(CORPUS)]
    after, decisions = decided(moved)
    assert set(decisions.values()) == {"kept"}
    assert after["u1"]["source_passage_ids"] == ["n0", "n1"]
    assert after["u1"]["source_hashes"] == MADE["source_hashes"][0].to_list()


@pytest.mark.parametrize(
    ("labels", "decision", "reason"),
    [
        (["lab"], None, None),
        (["boss", "lab"], "relabelled", "for readers with boss, lab, before for readers with lab"),
        ([], "relabelled", "for everybody, before for readers with lab"),
    ],
)
def test_labels_follow_the_sources(labels: list[str], decision: str | None, reason: str | None) -> None:
    after, decisions = revalidate_units(MADE, corpus(*CORPUS[:2], (*CORPUS[2][:3], labels)))
    assert after.filter(unit_id="u3")["labels"].to_list() == [labels]
    assert decisions.rows() == ([("u3", decision, reason)] if decision else [])


def test_half_a_word_is_no_word() -> None:
    made = units(("u1", "Radium", "Radium was found in 1898.", ["p1"]))
    now = corpus(("p1", "Paradium", "Paradium was found in 1898. NotRadium was found in 1898.", []))
    after, decisions = revalidate_units(made, now)
    assert after.is_empty() and decisions["decision"].to_list() == ["retired"]


def test_a_german_unit_needs_its_whole_sentence_and_not_the_parts_before_and_after_an_ordinal() -> None:
    pytest.importorskip("sentencex")
    made = MADE.head(1).with_columns(text=pl.lit("Am 3. Oktober 1912 wurde es eröffnet."))
    now = corpus(("p1", "Haus", "Zu war es bis Am 3. November, wie es hieß. Im Oktober 1912 wurde es eröffnet.", []))
    loose = corpus(("p1", "Haus", "Das Fest war Am 3. Mai. Im Jahr darauf: Oktober 1912 wurde es eröffnet.", []))
    assert revalidate_units(made, loose)[0].height == 1  # by English rules two sentences, both of which stand there
    assert revalidate_units(made, loose, "de")[0].is_empty()
    assert revalidate_units(made, now, "de")[0].is_empty()
    whole = corpus(("p1", "Haus", "Am 3. Oktober 1912 wurde es eröffnet. Mehr weiß man nicht.", []))
    assert revalidate_units(made, whole, "de")[0].height == 1
