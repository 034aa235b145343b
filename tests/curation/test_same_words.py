"""A sentence with a source's words needs no verdict, and what pointed to a cut sentence goes with it.

The first ones are what a small model made of its sources, shortened: all of them were supported, and it denied it.
"""

from __future__ import annotations

import pytest

from tests.curation.conftest import World
from wbrag_pipeline.curation.known_languages import words_of_language
from wbrag_pipeline.curation.same_words import normalized_sentence, normalized_sentences
from wbrag_pipeline.languages import ENGLISH

REST = "He was then ordered to wait. This took a year. The town fell."
KNOWN = words_of_language(ENGLISH)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "In 1870, Odo moved to Corvane, to attend school at the Lyceum, where he met a teacher.:32 He left.",
            "Odo moved to Corvane in 1870 to attend school at the Lyceum, where he met a teacher.",
        ),
        ("On 7 January 1900, Odo left the Springs.[citation needed]", "Odo left the Springs on January 7, 1900."),
        ("They had not ‘even the slightest sense of duty’.", "They had not 'even the slightest sense of duty'."),
        ("It uses a change (boiling, cooling)) to make heat.", "It uses a change (boiling, cooling) to make heat."),
        ("In May 1900 the mill burned down.", "The mill burned down in May 1900."),
        ("The mill had 2,400 spindles.", "The mill had 2400 spindles."),
    ],
)  # fmt: skip
def test_other_punctuation_and_a_date_elsewhere_are_the_same_words(source: str, sentence: str) -> None:
    assert normalized_sentence(sentence, KNOWN) in normalized_sentences(source, KNOWN)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("In 1900 he said that he would leave.", "He said that he would leave in 1900."),
        ("In 1900 he planned to leave the town.", "He planned to leave the town in 1900."),
        ("In 1900 the man who built the mill died.", "The man who built the mill in 1900 died."),
        ("In 1900 it opened, and in 1910 it closed.", "In 1910 it opened, and in 1900 it closed."),
        ("In 1900 the mill burned down.", "The mill burned down in 1901."),
        ("By 1900 the mill had burned down.", "The mill had burned down in 1900."),
        ("Odo defeated Tessa.", "Tessa defeated Odo."),
        ("It is not true that the mill burned down.", "The mill burned down."),
        ("The mill did not burn down.", "The mill did burn down."),
        ("He was sold to Bob. Alice died.", "He was sold to Bob Alice."),
    ],
)
def test_what_says_something_else_has_other_words(source: str, sentence: str) -> None:
    assert normalized_sentence(sentence, KNOWN) not in normalized_sentences(source, KNOWN)


def test_no_verdict_is_asked_for_the_words_of_a_source(world: World) -> None:
    world.passage("p", "Odo", "In 1870, Odo moved to Corvane. He was rich.")
    world.unit("u", ["p"], text="Odo moved to Corvane in 1870. He was rich.")
    world.generator.script = lambda claim, passages: "REFUTES"
    row = world.curated()["u"]
    assert (row["state"], row["cut_sentences"]) == ("published", []) and world.generator.verified == []


def test_a_sentence_that_points_back_to_a_cut_one_goes_with_it(world: World) -> None:
    world.passage("p", "The war", f"Loudon planned an attack. {REST}")
    world.unit("u", ["p"], text=f"The town planned an attack. {REST}")
    world.generator.script = lambda claim, passages: "REFUTES"
    row = world.curated()["u"]
    assert row["text"] == "The town fell."
    assert row["reason"] == (
        "1 sentence cut that did not follow from its sources; 2 sentences cut that pointed back to such a one"
    )
    world.unit("v", ["p"], text="The town planned an attack. This took a year.")
    assert world.curated()["v"]["state"] == "rejected"


def test_a_sentence_that_points_back_to_one_that_stays_stays(world: World) -> None:
    world.passage("p", "The war", "Loudon planned an attack. He was then ordered to wait. The town fell.")
    world.unit("u", ["p"], text="The town won. Loudon planned an attack. He was then ordered to wait.")
    world.generator.script = lambda claim, passages: "REFUTES"
    assert world.curated()["u"]["text"] == "Loudon planned an attack. He was then ordered to wait."


def test_a_pronoun_that_means_the_title_stays_without_the_sentence_before_it(world: World) -> None:
    world.passage("p", "Odo Quill", "Odo left. He contracted cholera. This took a year.")
    world.unit("u", ["p"], title="Odo Quill", text="Quill won. He contracted cholera. It failed. This took a year.")
    world.generator.script = lambda claim, passages: "REFUTES"
    row = world.curated()["u"]
    assert row["text"] == "He contracted cholera."
