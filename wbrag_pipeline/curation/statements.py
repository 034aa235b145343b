"""A sentence as statements: what is said of which subject, with one place left open, and what stands in that place.

Two sentences with the same open place and another filling differ there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from wbrag_pipeline.curation.details import (
    FUNCTION_WORDS,
    NEGATIONS,
    OPPOSITES,
    details_of,
    is_name,
    is_number,
    is_year,
    normalized,
    token_of,
    words_as_written,
)
from wbrag_pipeline.sentences import is_fragment, split_sentences

StatementKind = Literal["date", "quantity", "negation", "opposite", "name"]

# What happens once to a thing, so that another date of it excludes the first: said of the thing itself, or done to it.
_HAPPENS_ONCE = frozenset("born died sank premiered".split())
_DONE_ONCE = frozenset(
    "founded established incorporated formed created built constructed completed opened launched released published "
    "discovered invented abolished dissolved demolished destroyed born".split()
)
_MONTHS = frozenset("january february march april may june july august september october november december".split())
_IS = frozenset("is are was were be been lies lie stands".split())
# With what a thing is or has, so that another quantity excludes the first.
_IS_OR_HAS = frozenset("is are was were has have had covers contains consists comprises stands measures weighs".split())
# Whose one name excludes another's, most of the time.
_BY_ONE = (
    *((deed, "by") for deed in "founded directed written discovered invented designed painted composed".split()),
    *(("born", "in"), ("died", "in"), ("capital", "is")),
)
_PRONOUNS = frozenset("he she it they".split())
# Opposites of which a thing is only one at a time; it may well import and export.
_EITHER = frozenset(
    "north south east west northern southern eastern western left right father mother son daughter brother sister "
    "husband wife king queen true false higher lower highest lowest larger smaller largest smallest longer shorter "
    "longest shortest older younger oldest youngest legal illegal possible impossible guilty innocent majority "
    "minority maximum minimum".split()
)
_DOING = frozenset("do does did".split())
_CONNECTING = frozenset("of de la von van der den bin al del di da".split())
# Below this many words beside the open place, a sentence says too little to be held against another one.
_LEAST_WORDS = 2


@dataclass(frozen=True)
class Statement:
    """What is said, but for one place. Equal statements are about the same.

    before, after: hashes of the words on both sides of the place, since a sentence of n words may hold n statements.
    choice: the two words of which one stands in the place, where only a pair excludes each other.
    """

    subject: str
    kind: StatementKind
    before: bytes
    after: bytes
    choice: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What differs, in a word or two."""
        return {
            "date": "a date",
            "quantity": "a quantity",
            "negation": "whether something holds",
            "opposite": "which of two opposites holds",
            "name": "a name",
        }[self.kind]


def statements_of(title: str, text: str) -> Iterator[tuple[Statement, str, str]]:
    """Each statement of a text under its title, with what fills the open place and the sentence it stands in.

    The subject is the name that a sentence begins with; a pronoun means the subject of the sentence before, and a
    sentence that begins otherwise has none that could be told from another's.
    """
    before = ""
    for sentence in split_sentences(text):
        words = words_as_written(sentence)
        subject = _subject(words, title, before)
        before = subject
        if subject and not sentence[:1].islower() and not (is_fragment(sentence) and sentence[-1:].isalnum()):
            wording = details_of(sentence)
            begun = max(1, len(_leading_name(words)))  # a pronoun is one word
            for statement, value in _open(subject, wording.tokens[begun:], frozenset(wording.names)):
                yield statement, value, sentence


def _subject(words: list[str], title: str, before: str) -> str:
    run = _leading_name(words)
    if run:
        name = " ".join(token_of(word) for word in run)
        # A title tells things of one name apart ("Mercury (planet)"); the sentence's own words do not.
        return normalized(title) if normalized(title).partition(" (")[0] == name else name
    return before if words and token_of(words[0]) in _PRONOUNS else ""


def _leading_name(words: list[str]) -> list[str]:
    run: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if is_name(word) and not (place == 0 and word.casefold() in FUNCTION_WORDS):
            if token_of(word) != word.casefold().replace("’", "'"):  # possessive: it is about something of the name's
                return []
            run.append(word)
        elif run and word in _CONNECTING and is_name(following):
            run.append(word)
        else:
            break
    return run


def _open(subject: str, tokens: tuple[str, ...], names: frozenset[str]) -> Iterator[tuple[Statement, str]]:
    """The statements of a sentence's words after its subject."""
    positive = [_bare(token) for token in tokens if token not in NEGATIONS and token not in _DOING]
    if len(positive) >= _LEAST_WORDS:
        negations = sum(token in NEGATIONS for token in tokens)
        yield Statement(subject, "negation", _hashes(positive)[-1], b""), "not" if negations % 2 else ""
    if len(tokens) <= _LEAST_WORDS:
        return
    before, after = _hashes(tokens), _hashes(tokens[::-1])[::-1]
    once = _once(tokens)
    for place, token in enumerate(tokens):
        rest = before[place], after[place + 1]
        if token in _EITHER and tokens[0] in _IS:
            # Only the two words of a pair stand against each other.
            yield Statement(subject, "opposite", *rest, tuple(sorted((token, OPPOSITES[token])))), token
        elif once and (is_year(token) or _is_day(tokens, place)):
            yield Statement(subject, "date", *rest), token
        elif is_number(token) and token[0].isdigit() and not is_year(token) and tokens[0] in _IS_OR_HAS:
            yield Statement(subject, "quantity", *rest), token
    for pair in _BY_ONE:
        for place in range(len(tokens) - 1):
            if tokens[place : place + 2] == pair:
                end = place + 2
                while end < len(tokens) and tokens[end] in names:
                    end += 1
                if end > place + 2:
                    name = " ".join(tokens[place + 2 : end])
                    yield Statement(subject, "name", before[place + 2], after[end]), name


def _hashes(words: Sequence[str]) -> list[bytes]:
    """A hash of the first 0, 1, … and of all words."""
    found = [b""]
    for word in words:
        found.append(sha256(found[-1] + b"\0" + word.encode()).digest())
    return found


def _once(tokens: tuple[str, ...]) -> bool:
    return bool(_HAPPENS_ONCE & {*tokens}) or any(
        token in _DONE_ONCE and tokens[place - 1] in _IS for place, token in enumerate(tokens) if place
    )


def _is_day(tokens: tuple[str, ...], place: int) -> bool:
    near = {*tokens[max(0, place - 1) : place], *tokens[place + 1 : place + 2]}
    return tokens[place].isdigit() and int(tokens[place]) <= 31 and bool(near & _MONTHS)


def _bare(token: str) -> str:
    """A verb without its ending, so that "lives" is what "does not live" denies."""
    if token in ("has", "have"):
        return "have"
    for ending in ("es", "ed", "s"):
        if len(token) > 4 and token.endswith(ending):
            return token.removesuffix(ending).removesuffix("e")
    return token.removesuffix("e") if len(token) > 3 else token
