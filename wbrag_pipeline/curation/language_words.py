"""What curation knows of one language's words: what denies, what turns a meaning, what happens once.

Lists are in lower case, as ``str.casefold`` has it. Of a language without lists nothing is known, and then every word
may turn what a sentence says: the guards are stricter, never looser.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.languages import LANGUAGES_INSTALL

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")
_THOUSANDS_BY_POINTS = re.compile(r"(?<=\d)\.(?=\d{3}(?:\D|$))")
_NO_WORDS: frozenset[str] = frozenset()
_SHORTEST_PART = 4  # letters of a part of a compound


@dataclass(frozen=True, eq=False)
class LanguageWords:
    """Lists of words, each compared with tokens of ``token_of``.

    turns: words whose coming or going turns what the rest says. opposites: each word to its opposite.
    large: words of numbers such as million. connecting: words inside names. states: verbs that follow a subject.
    is_, is_or_has: with what a thing is or has something. doing: verbs that carry no meaning of their own.
    happens_once: what happens once to a thing; done_once: what is done to one once, as a participle.
    by_one: pairs of words after which one name excludes another. either: opposites of which a thing is only one.
    personal: words for what was named before ("it", "its"). demonstrative: words for what was said before ("this").
    dating: prepositions of a date that may stand anywhere in a sentence. clauses: words that begin a clause.
    infinitives: words that begin an infinitive.
    participles_last: a participle stands at the end ("wurde 1912 eröffnet"), and not behind its verb.
    nouns_have_capitals: a capital says nothing of a name, and nouns are compared by their stems.
    decimal_comma: 1.200,5 is a thousand and some.
    stemmer: the language's name in Snowball, or "".
    known: whether there are lists at all.
    """

    language: str
    articles: frozenset[str] = _NO_WORDS
    function_words: frozenset[str] = _NO_WORDS
    negations: frozenset[str] = _NO_WORDS
    turns: frozenset[str] = _NO_WORDS
    opposites: Mapping[str, str] = field(default_factory=dict)
    number_words: Mapping[str, str] = field(default_factory=dict)
    large: frozenset[str] = _NO_WORDS
    months: frozenset[str] = _NO_WORDS
    pronouns: frozenset[str] = _NO_WORDS
    connecting: frozenset[str] = _NO_WORDS
    states: frozenset[str] = _NO_WORDS
    is_: frozenset[str] = _NO_WORDS
    is_or_has: frozenset[str] = _NO_WORDS
    doing: frozenset[str] = _NO_WORDS
    happens_once: frozenset[str] = _NO_WORDS
    done_once: frozenset[str] = _NO_WORDS
    by_one: tuple[tuple[str, str], ...] = ()
    either: frozenset[str] = _NO_WORDS
    personal: frozenset[str] = _NO_WORDS
    demonstrative: frozenset[str] = _NO_WORDS
    dating: frozenset[str] = _NO_WORDS
    clauses: frozenset[str] = _NO_WORDS
    infinitives: frozenset[str] = _NO_WORDS
    participles_last: bool = False
    nouns_have_capitals: bool = False
    decimal_comma: bool = False
    stemmer: str = ""
    known: bool = True

    def token_of(self, word: str) -> str:
        """One word as it is compared: lower case, straight apostrophe, thousands unmarked, small numbers as digits."""
        plain = (_THOUSANDS_BY_POINTS if self.decimal_comma else _THOUSANDS).sub("", word)
        if self.decimal_comma and plain[:1].isdigit():
            plain = plain.replace(",", ".")
        plain = plain.replace("’", "'").casefold()
        plain = plain.removesuffix("'s") or plain
        return self.number_words.get(plain, plain)

    def stem(self, token: str) -> str:
        """A token without its ending; as it is where the language has no stemmer."""
        stemmed: str = self._snowball.stemWord(token) if self.stemmer else token
        return stemmed

    def holds_noun(self, stems: Collection[str], token: str) -> bool:
        """Whether a noun is among these stems in some form, or begins or ends a compound among them."""
        stem = self.stem(token)
        if stem in stems or stem[:1].isdigit():
            return stem in stems
        return len(stem) >= _SHORTEST_PART and any(other.startswith(stem) or other.endswith(stem) for other in stems)

    @cached_property
    def _snowball(self) -> Any:
        try:
            import snowballstemmer
        except ImportError:
            raise MissingPartError("snowballstemmer", LANGUAGES_INSTALL) from None
        return snowballstemmer.stemmer(self.stemmer)


def both_ways(pairs: str) -> dict[str, str]:
    """``"north south|east west"`` as each word's opposite; of several the first."""
    opposites: dict[str, str] = {}
    for pair in pairs.split("|"):
        one, other = pair.split()
        opposites.setdefault(one, other)
        opposites.setdefault(other, one)
    return opposites
