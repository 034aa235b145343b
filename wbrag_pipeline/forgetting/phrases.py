"""Phrases by which a text is recognised wherever it lies, also where it was cut, escaped or put into a table.

A phrase is a run of words that is hardly ever a coincidence: eight words, or fewer where they are long, or 12 letters
of Chinese characters, or 24 of another script without blanks. A preview that was cut shorter than that is known by
the ellipsis after it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from wbrag_pipeline.datasets.wording import HAN, without_blanks, words
from wbrag_pipeline.forgetting.escapes import unescaped_texts

FORGOTTEN = "[forgotten]"

# How much of a text each word of it is. A word of a few letters is an eighth of a phrase.
_PHRASE = 48
_WORD, _HAN_LETTER, _OTHER_LETTER = 6, 4, 2
# The least that is looked for: of a whole text, of a title, of a beginning with an ellipsis after it. Anything shorter
# ("Paris", "success") stands in many places that have nothing to do with it.
_TEXT, _TITLE, _BEGINNING = 2 * _WORD, 4 * _WORD, 16

_HAN = re.compile(f"[{HAN}]")
_CUT = "…"
_DOTS = ["...", "…", "⋯"]
_ELLIPSIS = r"[^\p{L}\p{M}\p{N}]*(?:\.\.\.|[…⋯])[^\p{L}\p{M}\p{N}]*"
_MARK = "zzcutzz"  # stands for an ellipsis while punctuation goes; no word of any text
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Phrases:
    """What tells a text: phrases, the beginnings that a preview may be cut to, and names; all as ``words`` gives them.

    phrases: shorter than a phrase only where the whole text is.
    names: ids that stand for one thing wherever they occur (units' ids).
    beginnings: of a text, of less than a phrase, with the last word perhaps cut; a trace where an ellipsis follows.
    """

    phrases: tuple[str, ...]
    names: tuple[str, ...] = field(default=())
    beginnings: tuple[str, ...] = field(default=())

    @cached_property
    def _whole(self) -> list[str]:
        names = words(pl.Series(self.names, dtype=pl.String))
        return [f" {told} " for told in (*self.phrases, *names) if told]

    @cached_property
    def _cut(self) -> list[str]:
        return [f" {beginning}{_CUT}" for beginning in self.beginnings]

    def hits(self, texts: pl.Series) -> pl.Series:
        """Whether each text (String) holds one of them; null holds none."""
        if not self._whole or not len(texts):
            return pl.Series([False] * len(texts), dtype=pl.Boolean)
        return pl.concat([self._hits(part) for part in _parts(texts.cast(pl.String))]).rename("hits")

    def hit(self, text: str) -> bool:
        """Whether one text holds one of them."""
        return bool(self.hits(pl.Series([text], dtype=pl.String)).any())

    def less_those_in(self, texts: Iterable[pl.Series]) -> Phrases:
        """Without those that occur in ``texts``: what somebody else says too is nobody's trace."""
        phrases, beginnings = set(self.phrases), set(self.beginnings)
        for series in texts:
            for part in _parts(series):
                told = _framed(words(unescaped_texts(part)))
                phrases -= _found(told, phrases, " ")
                beginnings -= _found(told, beginnings, "")
        return Phrases(
            tuple(phrase for phrase in self.phrases if phrase in phrases),
            self.names,
            tuple(beginning for beginning in self.beginnings if beginning in beginnings),
        )

    def redact(self, text: str) -> str:
        """``text`` without what holds a phrase: of JSON the values, of other text the lines, else all of it."""
        if not self.hit(text):
            return text
        try:
            value = json.loads(text)
        except ValueError:
            lines = text.split("\n")
            kept = "\n".join(line for line in lines if not self.hit(line))
            return FORGOTTEN if self.hit(kept) or len(lines) == 1 else kept
        redacted = json.dumps(self._redact_value(value))
        return json.dumps(FORGOTTEN) if self.hit(redacted) else redacted

    def _redact_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, list):
            return [self._redact_value(item) for item in value]
        if isinstance(value, dict):
            return {self.redact(str(key)): self._redact_value(item) for key, item in value.items()}
        return value

    def _hits(self, texts: pl.Series) -> pl.Series:
        plain = unescaped_texts(texts)
        found = _framed(words(plain)).str.contains_any(self._whole).fill_null(False)
        cut = ~found & plain.str.contains_any(_DOTS).fill_null(False)
        if self._cut and cut.any():
            marked = words(plain.filter(cut).str.replace_all(_ELLIPSIS, f" {_MARK} "))
            shown = _framed(marked.str.replace_all(f" {_MARK}", _CUT, literal=True))
            found = found.scatter(cut.arg_true(), shown.str.contains_any(self._cut))
        return found


def phrases_of(texts: Iterable[str], names: Iterable[str] = (), *, titles: Iterable[str] = ()) -> Phrases:
    """Every phrase of each text and title, or all of it where it has less and is no single word; names as they are."""
    phrases, beginnings = dict[str, None](), dict[str, None]()
    for several, least in ((texts, _TEXT), (titles, _TITLE)):
        for told in words(unescaped_texts(pl.Series(list(several), dtype=pl.String))):
            found = list(_runs(told.split(), least))
            phrases |= dict.fromkeys(found)
            beginnings |= dict.fromkeys(_beginnings(found[0]) if found else ())
    return Phrases(tuple(phrases), tuple(sorted(names)), tuple(beginnings))


def _runs(text: list[str], least: int) -> Iterator[str]:
    """The shortest run from each word on that is a phrase; of a text that is none, all of it."""
    sizes = [_size(word) for word in text]
    start, size = 0, 0
    for end, more in enumerate(sizes, start=1):
        size += more
        while size >= _PHRASE:
            yield " ".join(text[start:end])
            size -= sizes[start]
            start += 1
    # Figures alone tell nothing: a score or a date may be the same.
    if not start and sum(size for word, size in zip(text, sizes, strict=True) if not word.isdigit()) >= least:
        yield " ".join(text)


def _beginnings(phrase: str) -> Iterator[str]:
    """What a preview may show of a phrase before its ellipsis."""
    decomposed = unicodedata.normalize("NFD", phrase)  # which a preview may cut between a letter and its accent
    for end in range(1, len(decomposed) + 1):
        shown = unicodedata.normalize("NFC", decomposed[:end])
        if not shown.endswith(" ") and sum(map(_size, shown.split())) >= _BEGINNING:
            yield shown


def _size(word: str) -> int:
    if without_blanks(word):
        return _HAN_LETTER if _HAN.match(word) else _OTHER_LETTER
    return max(_WORD, len(word))


def _found(told: pl.Series, wanted: set[str], end: str) -> set[str]:
    if not wanted or not len(told):
        return set()
    patterns = [f" {known}{end}" for known in sorted(wanted)]
    found = told.str.extract_many(patterns, overlapping=True).explode(empty_as_null=False)
    return {text.strip() for text in found.drop_nulls().unique()}


def _framed(told: pl.Series) -> pl.Series:
    """With one blank at both ends, so that a phrase begins and ends where words do."""
    return pl.select(pl.lit(" ") + told + pl.lit(" ")).to_series()


def _parts(texts: pl.Series) -> Iterable[pl.Series]:
    for part in texts.to_frame().iter_slices(_ROWS_AT_ONCE):
        yield part.to_series()
