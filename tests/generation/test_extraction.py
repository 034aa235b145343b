"""Sentences and extractive units, on hand-worked cases."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.reader.extraction import compose, sentences_of
from wbrag_pipeline.sentences import is_fragment, split_sentences

CURIE = Passage(
    "1",
    "Marie Curie",
    "Marie Curie was born in Warsaw in 1867. She discovered polonium and radium. Her husband was Pierre Curie.",
)
RADIUM = Passage(
    "2", "Radium", "Radium was discovered by Marie and Pierre Curie in 1898. Radium glows faintly. of the metal and"
)


def words(text: str) -> int:
    return len(text.split())


def test_sentences_end_at_marks_but_not_after_abbreviations_and_initials() -> None:
    text = 'Dr. J. Smith met Mr. Jones in St. Louis. "It rained," he said. Was it 3.5 cm? Yes! No.'
    assert split_sentences(text) == [
        "Dr. J. Smith met Mr. Jones in St. Louis.",
        '"It rained," he said.',
        "Was it 3.5 cm?",
        "Yes!",
        "No.",
    ]


@given(st.text())
def test_sentences_joined_are_the_text_but_for_blanks(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_fragments_are_what_a_passage_border_cut() -> None:
    assert [is_fragment(s) for s in ("of the metal and", "Radium glows", "Radium glows.", 'He said "no."')] == [
        True,
        True,
        False,
        False,
    ]


def unit_of(relevance: dict[str, float]) -> tuple[str, list[str]]:
    sentences = sentences_of([CURIE, RADIUM])
    unit = compose([CURIE, RADIUM], sentences, [relevance.get(s.text, 0.0) for s in sentences], words)
    return unit.title, split_sentences(unit.text)


def test_the_best_sentence_names_the_title_and_its_passage_comes_first() -> None:
    title, text = unit_of(
        {
            "Radium was discovered by Marie and Pierre Curie in 1898.": 0.9,
            "She discovered polonium and radium.": 0.8,
            "Marie Curie was born in Warsaw in 1867.": 0.7,
        }
    )
    assert title == "Radium"
    assert text[0] == "Radium was discovered by Marie and Pierre Curie in 1898."
    # The other passage follows, in its own order and not in that of relevance.
    assert text.index("Marie Curie was born in Warsaw in 1867.") < text.index("She discovered polonium and radium.")


def test_every_sentence_of_a_unit_stands_in_its_sources() -> None:
    _, text = unit_of({"Radium glows faintly.": 1.0})
    assert all(sentence in CURIE.text or sentence in RADIUM.text for sentence in text)


def test_a_sentence_said_twice_is_taken_once() -> None:
    again = Passage("3", "Curie", "Marie Curie was born in Warsaw in 1867!")
    sentences = sentences_of([CURIE, again])
    unit = compose([CURIE, again], sentences, [1.0] * len(sentences), words)
    assert unit.text.count("born in Warsaw") == 1


def test_units_keep_to_a_hundred_tokens_once_something_is_in() -> None:
    long = Passage("4", "T", " ".join(f"Number {i} {'word ' * 40}ends." for i in range(5)))
    sentences = sentences_of([long])
    unit = compose([long], sentences, [1.0] * len(sentences), words)
    assert 60 <= words(unit.title) + words(unit.text) <= 100


def test_one_sentence_longer_than_a_unit_is_kept_whole() -> None:
    long = Passage("5", "T", "Word " * 150 + "ends.")
    sentences = sentences_of([long])
    assert words(compose([long], sentences, [1.0], words).text) == 151


def test_no_sentence_gives_no_text() -> None:
    assert compose([Passage("6", "T", "")], [], [], words).text == ""
