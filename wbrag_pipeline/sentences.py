"""Cutting text into sentences, verbatim: but for blanks, the pieces joined are the text again."""

from __future__ import annotations

import re

# A sentence ends at . ! ? … (with closing quotes or brackets) before a blank, or at a full-width mark.
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[」』”’）]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"“‘'])(?:[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|mr|mrs|ms|dr|prof|st|sr|jr|vs|fig|vol|ed|eds|inc|ltd|co"
    r"|corp|gen|gov|sen|rep|col|lt|sgt|rev|hon|capt|cf|al|approx|ca|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)"
    r"\.$",
    re.IGNORECASE,
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, blanks squeezed; initials and common abbreviations end none."""
    squeezed = " ".join(text.split())
    sentences, start = [], 0
    for end in _END.finditer(squeezed):
        # The longest abbreviation is short, so only the sentence's last characters are looked at.
        near = squeezed[max(start, end.end() - 12) : end.end()]
        if end.group() == "." and end.end() < len(squeezed) and _ABBREVIATION.search(near):
            continue
        sentences.append(squeezed[start : end.end()].strip())
        start = end.end()
    sentences.append(squeezed[start:].strip())
    return [sentence for sentence in sentences if sentence]


def is_fragment(sentence: str) -> bool:
    """Whether a passage's border cut this sentence: it starts in lower case or has no end mark."""
    return sentence[:1].islower() or sentence.rstrip("\"')]”’")[-1:] not in tuple(".!?…。！？")
