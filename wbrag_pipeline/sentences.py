"""Cutting text into sentences, verbatim: the pieces joined with one blank are the text again, blanks squeezed."""

from __future__ import annotations

import re

_END = re.compile(r"(?<=[.!?])[\"')\]”’]*\s+(?=[\"'(\[“‘]?[A-Z0-9])")
# A full stop after these ends no sentence. Single capital letters (initials) are handled apart.
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr vs etc no vol gen col lt sgt capt rev hon gov sen rep inc ltd co corp fig ca approx "
    "u.s u.k e.g i.e a.d b.c jan feb mar apr jun jul aug sep sept oct nov dec".split()
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, each with its closing quotes; a text without an end mark is one sentence."""
    squeezed = " ".join(text.split())
    sentences, start = [], 0
    for match in _END.finditer(squeezed):
        piece = squeezed[start : match.end()].rstrip()
        if _ends_in_abbreviation(piece):
            continue
        sentences.append(piece)
        start = match.end()
    rest = squeezed[start:].strip()
    return [*sentences, rest] if rest else sentences


def is_fragment(sentence: str) -> bool:
    """Whether a passage's border cut this sentence: it starts in lower case or has no end mark."""
    return sentence[:1].islower() or sentence.rstrip("\"')]”’")[-1:] not in (".", "!", "?")


def _ends_in_abbreviation(piece: str) -> bool:
    if not piece.endswith("."):
        return False
    word = piece[:-1].rsplit(" ", 1)[-1].lstrip("\"'([“‘")
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper())
