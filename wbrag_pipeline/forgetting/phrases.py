"""Phrases by which a text is recognised wherever it lies, also where it was cut, escaped or put into a table."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

# Words of a phrase. Previews cut texts after some dozen words, and eight words in a row are hardly ever a coincidence.
WORDS_A_PHRASE = 8
FORGOTTEN = "[forgotten]"

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Phrases:
    """Phrases of ``WORDS`` words (shorter only when a whole text is), in lower case with single blanks, and names.

    names: ids that stand for one thing wherever they occur (units' ids).
    """

    phrases: tuple[str, ...]
    names: tuple[str, ...] = field(default=())

    @cached_property
    def _patterns(self) -> list[str]:
        return [f" {phrase} " for phrase in (*self.phrases, *(name.lower() for name in self.names))]

    def hits(self, texts: pl.Series) -> pl.Series:
        """Whether each text (String) holds one of them; null holds none."""
        if not self._patterns or not len(texts):
            return pl.Series([False] * len(texts), dtype=pl.Boolean)
        found = [
            normal(part).str.contains_any(self._patterns).fill_null(False) for part in _parts(texts.cast(pl.String))
        ]
        return pl.concat(found).rename("hits")

    def hit(self, text: str) -> bool:
        """Whether one text holds one of them."""
        return bool(self.hits(pl.Series([unescaped(text)])).any())

    def less_those_in(self, texts: Iterable[pl.Series]) -> Phrases:
        """Without the phrases that occur in ``texts``: what somebody else says too is nobody's trace."""
        left = set(self.phrases)
        for series in texts:
            for part in _parts(series):
                if left and len(part):
                    patterns = [f" {phrase} " for phrase in sorted(left)]
                    found = normal(part).str.extract_many(patterns, overlapping=True).explode(empty_as_null=False)
                    left -= {text.strip() for text in found.drop_nulls().unique()}
        return Phrases(tuple(phrase for phrase in self.phrases if phrase in left), self.names)

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


def phrases_of(texts: Iterable[str], names: Iterable[str] = ()) -> Phrases:
    """Every run of ``WORDS`` words in each text, or the whole text where it has fewer."""
    found: dict[str, None] = {}
    for text in normal(pl.Series(list(texts), dtype=pl.String)):
        words = text.split()
        for start in range(max(1, len(words) - WORDS_A_PHRASE + 1)):
            if phrase := " ".join(words[start : start + WORDS_A_PHRASE]):
                found[phrase] = None
    return Phrases(tuple(found), tuple(sorted(names)))


def normal(texts: pl.Series) -> pl.Series:
    """Texts in lower case with one blank between words and at both ends, and nothing but words."""
    words = texts.str.to_lowercase().str.replace_all(r"[^\w]+", " ").str.strip_chars()
    return pl.select(pl.lit(" ") + words + pl.lit(" ")).to_series()


def unescaped(text: str) -> str:
    """``text`` out of the escapes of HTML and JSON, so that its words stand as they were written."""
    if "\\" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text.replace("\\\\", "\\"))
        text = re.sub(r'\\["/bfnrt]', " ", text)
    return html.unescape(text) if "&" in text else text


def _parts(texts: pl.Series) -> Iterable[pl.Series]:
    for part in texts.to_frame().iter_slices(_ROWS_AT_ONCE):
        yield part.to_series()
