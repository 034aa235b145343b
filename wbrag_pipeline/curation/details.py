"""What a sentence says that another wording of it must say too: numbers, dates, names, and which way round.

Words are known by language (``language_words``); in one that is not known the guards are stricter, never looser, since
any word may then turn a meaning.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from wbrag_pipeline.curation.english_words import ENGLISH_WORDS
from wbrag_pipeline.curation.language_words import LanguageWords

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*(?:st|nd|rd|th|s)?(?![^\W\d_])|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+[^\W\d_]+|[%$€£°]")


@dataclass(frozen=True)
class Details:
    """A sentence taken apart.

    tokens: its words and numbers in order, normalised, without articles. numbers: sorted. names: in order.
    turns: sorted negations, opposites and other words that turn a meaning.
    """

    tokens: tuple[str, ...]
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    turns: tuple[str, ...]
    words: LanguageWords = field(default=ENGLISH_WORDS, compare=False, repr=False)

    def agrees(self, other: Details) -> bool:
        """Whether nothing that must not differ does; names and shared words also in their order: it tells the roles."""
        return (self.numbers, self.names, self.turns) == (other.numbers, other.names, other.turns) and self._shared(
            other
        ) == other._shared(self)

    def _shared(self, other: Details) -> list[str]:
        theirs = {*other.tokens}
        return [token for token in self.tokens if token in theirs and token not in self.words.function_words]


@lru_cache(maxsize=65536)
def details_of(sentence: str, words: LanguageWords = ENGLISH_WORDS) -> Details:
    """Take a sentence apart, by the words of its language."""
    found = [(match.group(), match.start()) for match in _TOKEN.finditer(unicodedata.normalize("NFKC", sentence))]
    tokens: list[str] = []
    names: list[str] = []
    for place, (word, _) in enumerate(found):
        normal = words.token_of(word)
        if normal.endswith("n't") or normal == "cannot":  # "isn't" is "is not"
            tokens += [normal.removesuffix("n't").removesuffix("not"), "not"]
            continue
        if normal in words.articles:
            continue
        tokens.append(normal)
        if is_name(word) and not (place == 0 and word.casefold() in words.function_words):
            names.append(normal)
    tokens = [token for token in tokens if token]
    numbers = sorted(token for token in tokens if is_number(token, words))
    turning = words.negations | words.turns | words.opposites.keys()
    turns = sorted(token for token in tokens if token in turning or not words.known)
    return Details(tuple(tokens), tuple(numbers), tuple(names), tuple(turns), words)


def is_number(token: str, words: LanguageWords = ENGLISH_WORDS) -> bool:
    """Whether a normalised token is a number, an ordinal, a decade or a word such as million."""
    return token[:1].isdigit() or token in words.large or token in "%$€£°"


def is_year(token: str) -> bool:
    """Whether a normalised token can be a year."""
    return len(token) == 4 and token.isdigit() and 1000 <= int(token) <= 2100


def is_name(word: str) -> bool:
    """Whether a word as written has a capital in it, and so names something."""
    return any(character.isupper() for character in word)


def words_as_written(sentence: str) -> list[str]:
    """The words and numbers of a sentence, as ``details_of`` finds them, before it normalises them."""
    return [match.group() for match in _TOKEN.finditer(unicodedata.normalize("NFKC", sentence))]


def normalized(text: str) -> str:
    """``text`` without differences of case, blanks and Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
