"""Sentences as small language models answered them, reduced to what they add to the question; phrases stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.answer_form import reduced
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO, task_named

SENTENCES = [
    ("What team was the NFC champion?", "The NFC champion was the Houston Texans.", "Houston Texans"),
    ("Where did the canal start?", "The canal started in Hangzhou.", "Hangzhou"),
    ("Who laid the stone of the college?", "Sir George Orme laid the stone of the college.", "Sir George Orme"),
    (
        "Who inspects the building periodically to ensure safety?",
        "The municipal inspector inspects the building periodically to ensure safety.",
        "The municipal inspector",
    ),
    ("who owns and operates the canal", "The canal is owned and operated by the Canal Authority.", "Canal Authority"),
    ("What was the name of his laws?", 'The name of his laws was the "Law of the Steppe."', "Law of the Steppe"),
    ("Who changed the role?", "Answer: Dolley Madison", "Dolley Madison"),
    ("Who changed the role?", "The answer is Dolley Madison", "Dolley Madison"),
    ("Which club did he play for?", "He played for the club FC Oslo (Norway).", "FC Oslo (Norway)"),
]
PHRASES = [
    ("who owns and operates the panama canal today", "The Panama Canal Authority"),
    ("What court is able to interpret European Union law?", "The European Court of Justice"),
    ("What is the stock exchange of Poland?", "the national stock exchange of Poland"),
    ("Who wrote Emma?", "Jane Austen"),
    ("Which measure must be adopted?", "The measure must be adopted."),
    ("谁写了这本书？", "老舍写了这本书"),
    ("Who?", "It was she."),
]


@pytest.mark.parametrize(("question", "answer", "added"), SENTENCES, ids=[added for *_, added in SENTENCES])
def test_a_sentence_becomes_what_it_adds(question: str, answer: str, added: str) -> None:
    assert reduced(answer, question) == added


@pytest.mark.parametrize(("question", "answer"), PHRASES, ids=[answer for _, answer in PHRASES])
def test_a_phrase_stays_as_it_is(question: str, answer: str) -> None:
    assert reduced(answer, question) == answer


@given(st.text(max_size=80), st.text(max_size=80))
def test_it_only_leaves_words_out(answer: str, question: str) -> None:
    line = (answer.strip().splitlines() or [""])[0].strip()
    kept = reduced(answer, question)
    assert kept in line
    assert bool(kept) == bool(line)


def test_a_task_reduces_only_where_it_is_told_to() -> None:
    question, answer, added = SENTENCES[0]
    assert OPEN_QA.parse(answer, question) == answer
    assert task_named("open_qa", reduces=True).parse(answer, question) == added
    assert task_named("yes_no", reduces=True).parse("The claim is true.", question) == YES_NO.parse("True")
