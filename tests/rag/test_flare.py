"""FLARE by hand: which query was sent, how many rounds, where it stops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rag.scripted_generators import Foresighted, Searched, passage, said
from tests.scripted import Scripted
from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA
from wbrag_pipeline.generation.generator import Answer
from wbrag_pipeline.rag.flare import Flare, draft_sentences
from wbrag_pipeline.rag.naive import NaiveRag

TOP = [[passage("d0"), passage("d1")]]
WHO = "Who found radium?"


def test_a_sure_look_ahead_is_the_answer() -> None:
    generator = Foresighted(lambda question, ids, so_far: said(("Marie", 0.8), (" Curie", 0.99)))
    search = Searched()
    (answer,) = Flare().answer(generator, [WHO], TOP, OPEN_QA, search)
    assert answer.text == "Marie Curie"
    assert answer.probability == pytest.approx(0.792)
    assert search.calls == []
    assert generator.seen == [(WHO, ("d0", "d1"), "")]


def test_an_unsure_token_is_masked_searched_for_and_written_anew() -> None:
    def look(question: str, ids: tuple[str, ...], so_far: str) -> Answer:
        if ids == ("d0", "d1"):
            return said(("Pierre", 0.3), (" Curie", 0.5), (" of", 0.95), (" Paris", 0.4))
        return said(("Marie", 0.6), (" Curie", 0.9))

    generator, search = Foresighted(look), Searched()
    (answer,) = Flare().answer(generator, [WHO], TOP, OPEN_QA, search)
    # Under beta is masked; what lies between beta and theta makes it search and stays in the query.
    assert search.calls == [["Who found radium? Curie of Paris"]]
    assert generator.seen == [(WHO, ("d0", "d1"), ""), (WHO, ("for Who found radium? Curie of Paris",), "")]
    # Written anew, it is kept although it is still unsure: the answer has ended.
    assert answer.text == "Marie Curie"
    assert answer.token_probabilities == (("Marie", 0.6), (" Curie", 0.9))


@pytest.mark.parametrize("ahead", [said(("No", 0.1), (" idea", 0.2)), said()])
def test_a_wholly_unsure_look_ahead_searches_with_the_question(ahead: Answer) -> None:
    search = Searched()
    generator = Foresighted(lambda question, ids, so_far: ahead)
    (answer,) = Flare().answer(generator, [WHO], TOP, OPEN_QA, search)
    assert search.calls == [[WHO]]
    assert generator.batches == 2
    assert answer.text == ahead.text


SURE, UNSURE = 0.9, 0.5


def in_sentences(question: str, ids: tuple[str, ...], so_far: str) -> Answer:
    """The first sentence is sure; the second and third are not until they were searched for."""
    whole = ["One.", " Two.", " Three."]
    rest = whole[len(so_far.split()) :]
    known = [f"for {question} {word.strip()}" in ids or word == "One." for word in rest]
    return said(*((word, SURE if k else UNSURE) for word, k in zip(rest, known, strict=True)))


def test_it_goes_on_sentence_by_sentence_and_repeats_none() -> None:
    generator, search = Foresighted(in_sentences), Searched()
    (answer,) = Flare().answer(generator, ["Count"], TOP, OPEN_QA, search)
    assert search.calls == [["Count Two."], ["Count Three."]]
    assert [so_far for _, _, so_far in generator.seen] == ["", "One.", "One. Two."]
    assert answer.text == "One. Two. Three."
    assert answer.token_probabilities == (("One.", SURE), (" Two.", SURE), (" Three.", SURE))
    assert not generator.usage.incidents


def test_rounds_are_bounded() -> None:
    generator, search = Foresighted(in_sentences), Searched()
    (answer,) = Flare(rounds=1).answer(generator, ["Count"], TOP, OPEN_QA, search)
    assert search.calls == [["Count Two."]]
    assert answer.text == "One. Two. Three."
    assert answer.token_probabilities[-1] == (" Three.", UNSURE)
    assert generator.usage.incidents == {"flare_rounds_exhausted": 1}


def test_without_a_search_it_is_naive() -> None:
    generator = Foresighted(in_sentences)
    (answer,) = Flare().answer(generator, ["Count"], TOP, OPEN_QA)
    (naive,) = NaiveRag().answer(generator, ["Count"], TOP, OPEN_QA)
    assert answer.text == naive.text
    assert generator.batches == 1
    assert not generator.usage.incidents  # unsure, but there was nothing to search with


def test_the_answer_ends_with_its_first_line() -> None:
    generator = Foresighted(
        lambda question, ids, so_far: said(("Curie", 0.9), ("\n", 0.1), ("Question:", 0.1), finished=False)
    )
    search = Searched()
    (answer,) = Flare().answer(generator, [WHO], TOP, OPEN_QA, search)
    assert (answer.text, answer.finished, search.calls) == ("Curie", True, [])


def test_a_failed_call_fails_its_question_only() -> None:
    def look(question: str, ids: tuple[str, ...], so_far: str) -> Answer:
        if question == "a" or (question == "b" and ids != ("d0",)):
            return Answer("", failed=True)
        return said(("x", 0.5))

    search = Searched()
    answers = Flare().answer(Foresighted(look), ["a", "b", "c"], [[passage("d0")]] * 3, OPEN_QA, search)
    assert [answer.failed for answer in answers] == [True, True, False]
    assert search.calls == [["b x", "c x"]]


def test_without_token_probabilities_the_answer_is_one_token() -> None:
    class Plain(Scripted):
        def answer(self, questions, passages, task):  # type: ignore[no-untyped-def]
            return [Answer(a.text, 0.5 if "d0" in a.text else 0.1) for a in super().answer(questions, passages, task)]

    generator, search = Plain(lambda question, ids: " ".join(ids)), Searched()
    rows = [[passage("d0")], [passage("d2")]]
    answers = Flare().answer(generator, ["x", "y"], rows, FACT_VERIFICATION, search)
    assert search.calls == [["x d0", "y"]]
    assert [answer.text for answer in answers] == ["for x d0", "for y"]
    assert [answer.probability for answer in answers] == [0.5, 0.1]


def test_tokens_are_shared_out_among_sentences() -> None:
    answer = said(("▁", 0.9), ("Dr. ", 0.8), ("No", 0.7), (".", 0.6), (" Yes.  ", 0.5), ("</s>", 0.1))
    cut = draft_sentences(Answer("Dr. No. Yes.", answer.probability, answer.token_probabilities))
    assert [sentence.text for sentence in cut] == ["Dr. No.", "Yes."]
    assert cut[0].tokens == (("Dr. ", 0.8), ("No", 0.7), (".", 0.6))
    assert cut[1].tokens == ((" Yes.  ", 0.5),)


def test_pieces_that_do_not_make_the_text_count_as_one_token() -> None:
    (sentence,) = draft_sentences(Answer("é", 0.3, (("\ufffd", 0.6), ("\ufffd", 0.5))))
    assert sentence.tokens == (("é", 0.3),)


words = st.lists(
    st.tuples(st.sampled_from([" a", " b.", "c", " D! ", "\n", ""]), st.sampled_from([0.1, 0.5, 0.85, 1.0])), max_size=6
)


@given(st.lists(words, min_size=1, max_size=4), st.integers(1, 3))
def test_a_batch_answers_as_one_by_one_and_always_ends(scripts, rounds) -> None:  # type: ignore[no-untyped-def]
    def look(question: str, ids: tuple[str, ...], so_far: str) -> Answer:
        return said(*scripts[(int(question) + len(so_far)) % len(scripts)])

    method, questions = Flare(rounds=rounds), [str(n) for n in range(len(scripts))]
    search = Searched()
    together = method.answer(Foresighted(look), questions, TOP * len(questions), OPEN_QA, search)
    assert together == [method.answer(Foresighted(look), [q], TOP, OPEN_QA, Searched())[0] for q in questions]
    assert len(search.calls) <= rounds
    assert all("\n" not in answer.text for answer in together)
