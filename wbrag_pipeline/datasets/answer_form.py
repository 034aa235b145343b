"""A whole sentence where a short phrase was asked for, reduced to what it adds to the question.

Small language models answer "Who wrote Emma?" with "Jane Austen wrote Emma." or "Emma was written by Jane Austen.",
whatever they are told, and by exact match that is wrong. The rule, for English: words at the beginning of the answer,
or else at its end, that only say the question again are left out. They must hold two content words of the question, or
its only one, and a sign that the answer is a sentence and no name made of the question's words: an auxiliary verb, a
verb that the question has in another form, or the verb that a question such as "Who wrote" begins with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# What stands in front of an answer and is none.
_LABEL = re.compile(r"^(?:(?:the |a |my )?(?:short |final |correct )?answer(?: is\b|:)|a:)[\s:]*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’.,][^\W_]+)*")
_AUXILIARIES = frozenset(
    "is are was were be been being am do does did has have had can could will would shall should may might must".split()
)
_FUNCTION_WORDS = _AUXILIARIES | frozenset(
    "a an the this that these those it its he his him she her they them their there of in on at to from by with as for "
    "into and or which who whom whose what when where why how".split()
)
_SUBJECT_QUESTION = re.compile(r"^\W*(?:who|what|which)\s+(\w+)", re.IGNORECASE)
# Endings in which a verb differs between question and answer: "submit" and "submits", "write" and "writes".
_ENDINGS = ("ing", "ed", "es", "s", "d", "e")
_LEAST_STEM = 3


@dataclass(frozen=True)
class _Word:
    """A word of the answer. says_again: the question has it. verb: and it shows that the answer is a sentence."""

    start: int
    end: int
    known: bool
    says_again: bool
    verb: bool


def reduced(answer: str, question: str) -> str:
    """``answer`` without its label and without what repeats the question; as it is where nothing else would be left.

    Only the first line is looked at: what follows is no part of an answer.
    """
    line = (answer.strip().splitlines() or [""])[0].strip()
    line = _LABEL.sub("", line).strip() or line
    asked = [word.casefold() for word in _WORD.findall(question)]
    content = {word for word in asked if word not in _FUNCTION_WORDS}
    words = _words(line, question, content)
    least = min(2, len({_stem(word) for word in content}))
    if not least:
        return line
    first = _begins_with_the_question(words, least)
    last = len(words) - (0 if first else _to_the_last_verb(words[::-1], least))
    if all(word.known for word in words[first:last]) or (first, last) == (0, len(words)):
        return line
    return _with_its_mark(line, words[first].start, words[last - 1].end)


def _words(line: str, question: str, content: set[str]) -> list[_Word]:
    stems = {_stem(word) for word in content}
    subject = _SUBJECT_QUESTION.match(question)
    begins_with = _stem(subject[1].casefold()) if subject else ""
    words = []
    for match in _WORD.finditer(line):
        written, word = match.group(), match.group().casefold()
        again = word not in _FUNCTION_WORDS and _stem(word) in stems
        other_form = again and written.islower() and (word not in content or _stem(word) == begins_with)
        verb = word in _AUXILIARIES or other_form
        words.append(_Word(match.start(), match.end(), again or word in _FUNCTION_WORDS, again, verb))
    return words


def _begins_with_the_question(words: Sequence[_Word], least: int) -> int:
    """Words at the beginning that say the question again: to their last verb, with the function words after it."""
    length = _to_the_last_verb(words, least)
    while length and length < len(words) and words[length].known and not words[length].says_again:
        length += 1
    return length


def _to_the_last_verb(words: Sequence[_Word], least: int) -> int:
    """Words in a row that say nothing new, up to the last verb among them; 0 if they do not say the question again.

    What follows the verb may be a name that is made of the question's words, as an answer often is.
    """
    length = next((place for place, word in enumerate(words) if not word.known), len(words))
    verbs = [place for place in range(length) if words[place].verb]
    return verbs[-1] + 1 if verbs and sum(word.says_again for word in words[:length]) >= least else 0


def _with_its_mark(line: str, start: int, end: int) -> str:
    """That part of the line, with the bracket that closes one in it."""
    kept = line[start:end]
    opened = kept.count("(") > kept.count(")")
    return f"{kept})" if opened and line.startswith(")", end) else kept


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word.removesuffix(ending)
    return word
