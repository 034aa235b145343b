"""Cutting text into sentences, verbatim: but for blanks, the pieces joined are the text again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.languages import ENGLISH, LANGUAGES_INSTALL, SENTENCE_RULES

if TYPE_CHECKING:
    from collections.abc import Callable

# A sentence ends at . ! ? … (with closing quotes or brackets) before a blank, or at a full-width mark.
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[」』”’）]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"“‘'])(?:[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|mr|mrs|ms|dr|prof|st|sr|jr|vs|fig|vol|ed|eds|inc|ltd|co"
    r"|corp|gen|gov|sen|rep|col|lt|sgt|rev|hon|capt|cf|al|approx|ca|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)"
    r"\.$",
    re.IGNORECASE,
)
# The same of any language: more quotes, and the end marks of Arabic, Urdu, the Indian scripts, Armenian and Ethiopic.
_ANY_END = re.compile(r"[.!?…؟۔।॥։።]+[\"'”’“»«›‹)\]]*(?=\s|$)|[。！？]+[」』”’）]*")
_INITIAL = re.compile(r"(?:^|[^\w.])(\w)\.$|\b(?:\w\.)+(\w)\.$")
# "im 2. Stock": German ordinals have a full stop, and no sentence ends between an article and its noun.
_GERMAN_ORDINAL = re.compile(
    r"\b(?:[aA]m|[iI]m|[vV]om|[zZ]um|[zZ]ur|[bB]eim|[aA]b|[bB]is|[sS]eit|[dD](?:er|ie|as|em|en|es)) \d{1,2}\.$"
)
_CLOSING = "\"'”’“»«›‹)]」』）"
_END_MARKS = tuple(".!?…。！？؟۔।॥։።")


def split_sentences(text: str, language: str = ENGLISH) -> list[str]:
    """The sentences of a text in order, blanks squeezed; initials and common abbreviations end none.

    language: of the text. Other languages than English are cut by sentencex where it has rules for them, and else at
    end marks of any script. Raises MissingPartError where sentencex is not installed.
    """
    squeezed = " ".join(text.split())
    if language == ENGLISH:
        return _pieces(squeezed, _END, _ABBREVIATION)
    if language in SENTENCE_RULES:
        return _joined((piece.strip() for piece in _segmenter()(language, squeezed)), language)
    return _joined(_pieces(squeezed, _ANY_END, _INITIAL), language)


def is_fragment(sentence: str) -> bool:
    """Whether a passage's border cut this sentence: it starts in lower case or has no end mark."""
    return sentence[:1].islower() or sentence.removesuffix(" »").rstrip(_CLOSING)[-1:] not in _END_MARKS


def _pieces(squeezed: str, end_mark: re.Pattern[str], abbreviation: re.Pattern[str]) -> list[str]:
    sentences, start = [], 0
    for end in end_mark.finditer(squeezed):
        # The longest abbreviation is short, so only the sentence's last characters are looked at.
        near = squeezed[max(start, end.end() - 12) : end.end()]
        if end.group() == "." and end.end() < len(squeezed) and abbreviation.search(near):
            continue
        sentences.append(squeezed[start : end.end()].strip())
        start = end.end()
    sentences.append(squeezed[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _joined(pieces: Iterable[str], language: str) -> list[str]:
    """The pieces, those joined again between which no sentence can have ended."""
    sentences: list[str] = []
    for piece in filter(None, pieces):
        if sentences and sentences[-1].endswith(".") and _goes_on(sentences[-1], piece, language):
            sentences[-1] += f" {piece}"
        else:
            sentences.append(piece)
    return sentences


def _goes_on(before: str, after: str, language: str) -> bool:
    initial = _INITIAL.search(before[-12:])
    return (
        after[0].islower()
        or (initial is not None and (initial[1] or initial[2]).isupper())
        or (language == "de" and _GERMAN_ORDINAL.search(before[-12:]) is not None)
    )


@cache
def _segmenter() -> Callable[[str, str], list[str]]:
    try:
        import sentencex
    except ImportError:
        raise MissingPartError("sentencex", LANGUAGES_INSTALL) from None
    segment: Callable[[str, str], list[str]] = sentencex.segment
    return segment
