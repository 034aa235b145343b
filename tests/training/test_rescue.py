"""Rescue on hand-worked cases: who is lost, which passages may rescue and which do, and what settings say of it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripted import Scripted
from tests.training.test_gates import scored, scores
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA
from wbrag_pipeline.gate_thresholds import Gates
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.training.gates import document_gate, utility_gate
from wbrag_pipeline.training.rescue import below, gated, lost_questions, rescue_gate, rescuers, rescues, within
from wbrag_pipeline.training.scoring import Scorer, score_passages

DEFAULTS = Gates()
TEXTS = {f"p{rank}": text for rank, text in enumerate(["Nothing.", "Lyon.", "In Paris.", "Parisian.", "Paris too."], 1)}


def retrieved(*questions: str) -> pl.DataFrame:
    rows = [(q, "Where?", rank, name, 1 / rank) for q in questions for rank, name in enumerate(TEXTS, 1)]
    return pl.DataFrame(rows, schema=tables.RETRIEVALS.schema, orient="row")


def passages() -> pl.DataFrame:
    columns = {name: pl.lit(None, kind).alias(name) for name, kind in tables.PASSAGES.schema.items()}
    given = pl.DataFrame(
        [(name, "T", text, sha256_of_text(text)) for name, text in TEXTS.items()],
        schema=["passage_id", "title", "text", "content_hash"],
        orient="row",
    )
    return given.with_columns(c for name, c in columns.items() if name not in given.columns)


def questions(*ids: str, answer: str = "Paris") -> pl.DataFrame:
    return pl.DataFrame([(i, "Where?", [answer]) for i in ids], schema=tables.SPLIT.schema, orient="row")


def test_lost_is_what_retrieval_leaves_unanswered() -> None:
    frame = scores((0.0, 0.0), (0.0, 0.1), (0.0, 0.2), (1.0, None), (None, 0.0), (0.0, 1.0))
    assert lost_questions(frame, DEFAULTS)["question_id"].to_list() == ["q0", "q1"]


@given(st.lists(st.tuples(st.none() | st.floats(0, 1), st.none() | st.floats(0, 1)), max_size=8))
def test_no_question_is_both_kept_and_lost(rows: list[tuple[float | None, float | None]]) -> None:
    frame = scores(*rows)
    kept = utility_gate(frame, DEFAULTS).filter("kept")
    assert lost_questions(frame, DEFAULTS).join(kept, on="question_id", how="semi").is_empty()


def test_only_passages_below_that_hold_the_answer_as_words() -> None:
    lost = scores((0.0, 0.0)).head(1)
    deep = below(retrieved("q0", "q1"), lost, 2)
    assert deep.select("question_id", "rank").rows() == [("q0", 3), ("q0", 4), ("q0", 5)]
    found = rescuers(questions("q0", "q1"), deep, passages())
    assert found["passage_id"].to_list() == ["p3", "p5"]  # "Parisian" is another word
    assert rescuers(questions("q0", answer="Lyon"), deep, passages()).is_empty()  # that is in the top K
    assert rescuers(questions("q0"), deep.clear(), passages()).is_empty()


@pytest.mark.parametrize(
    ("standalone", "expected"),
    [
        ((1.0,), [1]),
        ((0.0, 1.0, 1.0, 1.0), [2, 3]),  # two at most, the first ones
        ((0.1,), []),  # tau_s is strict here too
        ((None, 1.0), [2]),
        ((0.0, 0.0), []),
    ],
)
def test_who_rescues(standalone: tuple[float | None, ...], expected: list[int]) -> None:
    frame = rescue_gate(lost_questions(scores((0.0, 0.0)), DEFAULTS), scored("q0", *standalone), DEFAULTS)
    assert frame.filter("retained")["rank"].to_list() == expected
    assert frame["fallback"].any() is False
    assert frame.is_empty() == (not expected)


def test_a_rescuer_must_beat_no_retrieval() -> None:
    lost = lost_questions(scores((0.75, 0.0)), DEFAULTS)
    assert rescue_gate(lost, scored("q0", 0.75), DEFAULTS).is_empty()
    assert rescue_gate(lost, scored("q0", 1.0), DEFAULTS).height == 1


def test_kept_questions_are_gated_as_without_rescue() -> None:
    frame = scores((0.0, 1.0), (0.0, 0.0))
    kept, lost = utility_gate(frame, DEFAULTS).filter("kept"), lost_questions(frame, DEFAULTS)
    alone = pl.concat([scored("q0", 1.0, 0.0), scored("q1", 0.0, 1.0)])
    both = gated(kept, lost, alone, DEFAULTS)
    assert both.filter(question_id="q0").equals(document_gate(kept, alone, DEFAULTS))
    assert both.filter("retained").select("question_id", "rank").rows() == [("q0", 1), ("q1", 2)]


def test_only_rescuers_are_read() -> None:
    generator = Scripted(lambda question, ids: "Paris" if "p5" in ids else "Lyon")
    scorer = Scorer(generator, NaiveRag(), OPEN_QA, "accuracy")
    lost = lost_questions(scores((0.0, 0.0)), DEFAULTS)
    asked = rescuers(questions("q0"), below(retrieved("q0"), lost, 2), passages())
    alone = score_passages(questions("q0"), asked, passages(), scorer)
    assert [ids for _, ids in generator.asked] == [("p3",), ("p5",)]
    assert rescue_gate(lost, alone, DEFAULTS).filter("retained")["passage_id"].to_list() == ["p5"]


def test_the_method_sees_its_top_k() -> None:
    assert within(retrieved("q0"), 2)["rank"].to_list() == [1, 2]


def test_labels_and_verdicts_rescue_nobody() -> None:
    usual = Settings()
    assert rescues(usual, OPEN_QA)
    assert not rescues(usual, FACT_VERIFICATION)
    assert not rescues(usual.with_(scorer="judge"), OPEN_QA)
    assert not rescues(usual.with_(rescue_depth=5), OPEN_QA)


def test_rescued_questions_say_so() -> None:
    frame = scores((0.0, 1.0), (0.0, 0.0))
    kept, lost = utility_gate(frame, DEFAULTS).filter("kept"), lost_questions(frame, DEFAULTS)
    alone = pl.concat([scored("q0", 1.0, 0.0), scored("q1", 0.0, 1.0)])
    gates = gated(kept, lost, alone, DEFAULTS).group_by("question_id").agg(pl.col("gate").unique()).sort("question_id")
    assert gates["gate"].to_list() == [["utility"], ["rescue"]]
