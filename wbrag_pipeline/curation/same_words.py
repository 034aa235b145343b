"""Whether a sentence has the words of another one: other punctuation, and a date in another place, change nothing.

A language model that is asked to keep to its sources often writes their sentences again in this way. Whether they are
supported needs no verdict, and a small model's verdict on them is often wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wbrag_pipeline.curation.details import is_name, is_year, words_as_written
from wbrag_pipeline.curation.language_words import LanguageWords
from wbrag_pipeline.sentences import split_sentences

# What editors put between the words: [citation needed], [12], and a page after a full stop (".:32").
_REMARKS = re.compile(r"\[[^\[\]]{1,40}\]|(?<=[.!?]):\d+(?=\s|$)")
_LONGEST_DATE = 3

# The words in order, and the words of a date that may stand anywhere among them.
NormalizedSentence = tuple[tuple[str, ...], tuple[str, ...]]


def normalized_sentence(sentence: str, known: LanguageWords) -> NormalizedSentence:
    """A sentence as it is compared: its words in order, and apart from these a date, where it has one that can move.

    A date can be moved if it is the only one, and nothing before it could have it for itself: "in 1870 he moved" is "he
    moved in 1870", but "in 1870 he said that he moved" is not "he said that he moved in 1870".
    """
    written = words_as_written(sentence)
    words = [known.token_of(word) for word in written]
    dates = [(at, end) for at in range(len(words)) if (end := _end_of_date(words, at, known)) > at]
    if len(dates) != 1 or not _is_free(written[: dates[0][0]], known):
        return tuple(words), ()
    ((at, end),) = dates
    return (*words[:at], *words[end:]), (words[at], *sorted(words[at + 1 : end]))


def normalized_sentences(text: str, known: LanguageWords) -> frozenset[NormalizedSentence]:
    """The sentences of a source's text as they are compared, without what editors put between the words."""
    sentences = split_sentences(_REMARKS.sub("", text), known.language)
    return frozenset(normalized_sentence(sentence, known) for sentence in sentences)


def _end_of_date(words: Sequence[str], at: int, known: LanguageWords) -> int:
    """Where the date ends that begins with a preposition at this place; the place itself where none does."""
    if words[at] not in known.dating:
        return at
    end = at + 1
    while end < len(words) and end - at <= _LONGEST_DATE and _is_of_a_date(words[end], known):
        end += 1
    dated = any(is_year(word) or word in known.months for word in words[at + 1 : end])
    return end if dated else at


def _is_of_a_date(word: str, known: LanguageWords) -> bool:
    return is_year(word) or word in known.months or (word.isdigit() and 1 <= int(word) <= 31)


def _is_free(before: Sequence[str], known: LanguageWords) -> bool:
    """Whether these words begin no clause and no infinitive that a date after them might belong to."""
    for place, word in enumerate(before):
        token, following = known.token_of(word), before[place + 1] if place + 1 < len(before) else ""
        if token in known.clauses:
            return False
        if token in known.infinitives and not (is_name(following) or following.casefold() in known.articles):
            return False
    return True
