"""A sentence as statements: what is said of which subject, with one place left open, and what stands in that place.

Two sentences with the same open place and another filling differ there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from wbrag_pipeline.curation.details import details_of, is_name, is_number, is_year, normalized, words_as_written
from wbrag_pipeline.curation.known_languages import words_of_language
from wbrag_pipeline.curation.language_words import LanguageWords
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import is_fragment, split_sentences

StatementKind = Literal["date", "quantity", "negation", "opposite", "name"]

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


def statements_of(title: str, text: str, language: str = ENGLISH) -> Iterator[tuple[Statement, str, str]]:
    """Each statement of a text under its title, with what fills the open place and the sentence it stands in.

    The subject is the name that a sentence begins with; a pronoun means the subject of the sentence before, and a
    sentence that begins otherwise has none that could be told from another's.
    """
    known, before = words_of_language(language), ""
    for sentence in split_sentences(text, language):
        words = words_as_written(sentence)
        subject = _subject(words, title, before, known)
        before = subject
        if subject and not sentence[:1].islower() and not (is_fragment(sentence) and sentence[-1:].isalnum()):
            wording = details_of(sentence, known)
            begun = max(1, len(_leading_name(words, known)))  # a pronoun is one word
            for statement, value in _open(subject, wording.tokens[begun:], frozenset(wording.names), known):
                yield statement, value, sentence


def _subject(words: list[str], title: str, before: str, known: LanguageWords) -> str:
    run = _leading_name(words, known)
    if run:
        name = " ".join(known.token_of(word) for word in run)
        # A title tells things of one name apart ("Mercury (planet)"); the sentence's own words do not.
        return normalized(title) if normalized(title).partition(" (")[0] == name else name
    return before if words and known.token_of(words[0]) in known.pronouns else ""


def _leading_name(words: list[str], known: LanguageWords) -> list[str]:
    run: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if is_name(word) and not (place == 0 and word.casefold() in known.function_words):
            if known.token_of(word) != word.casefold().replace("’", "'"):
                return []  # possessive: it is about something of the name's
            run.append(word)
        elif run and word in known.connecting and is_name(following):
            run.append(word)
        else:
            break
    return run


def _open(
    subject: str, tokens: tuple[str, ...], names: frozenset[str], known: LanguageWords
) -> Iterator[tuple[Statement, str]]:
    """The statements of a sentence's words after its subject."""
    if not known.known:  # what denies and what excludes are not known
        return
    positive = [_bare(token, known) for token in tokens if token not in known.negations and token not in known.doing]
    if len(positive) >= _LEAST_WORDS:
        negations = sum(token in known.negations for token in tokens)
        yield Statement(subject, "negation", _hashes(positive)[-1], b""), "not" if negations % 2 else ""
    if len(tokens) <= _LEAST_WORDS:
        return
    before, after = _hashes(tokens), _hashes(tokens[::-1])[::-1]
    once = _once(tokens, known)
    for place, token in enumerate(tokens):
        rest = before[place], after[place + 1]
        if token in known.either and tokens[0] in known.is_:
            # Only the two words of a pair stand against each other.
            yield Statement(subject, "opposite", *rest, tuple(sorted((token, known.opposites[token])))), token
        elif once and (is_year(token) or _is_day(tokens, place, known)):
            yield Statement(subject, "date", *rest), token
        elif is_number(token, known) and token[0].isdigit() and not is_year(token) and tokens[0] in known.is_or_has:
            yield Statement(subject, "quantity", *rest), token
    for pair in known.by_one:
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


def _once(tokens: tuple[str, ...], known: LanguageWords) -> bool:
    """Whether it happens once to a thing: it is said of the thing itself, or done to it."""
    if known.happens_once & {*tokens}:
        return True
    if known.participles_last:
        return tokens[0] in known.is_ and bool(known.done_once & {*tokens})
    return any(
        token in known.done_once and tokens[place - 1] in known.is_ for place, token in enumerate(tokens) if place
    )


def _is_day(tokens: tuple[str, ...], place: int, known: LanguageWords) -> bool:
    near = {*tokens[max(0, place - 1) : place], *tokens[place + 1 : place + 2]}
    return tokens[place].isdigit() and int(tokens[place]) <= 31 and bool(near & known.months)


def _bare(token: str, known: LanguageWords) -> str:
    """A verb without its ending, so that "lives" is what "does not live" denies; German denies it as it is."""
    if not known.doing:
        return token
    if token in ("has", "have"):
        return "have"
    for ending in ("es", "ed", "s"):
        if len(token) > 4 and token.endswith(ending):
            return token.removesuffix(ending).removesuffix("e")
    return token.removesuffix("e") if len(token) > 3 else token
