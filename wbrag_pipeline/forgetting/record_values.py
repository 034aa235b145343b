"""Values of a database of records that hold a phrase, and what is left of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

import polars as pl

from wbrag_pipeline.forgetting.phrases import FORGOTTEN, Phrases

RecordValue = str | bytes

_VALUES_AT_ONCE = 500
_LARGEST = 1 << 28  # bytes of a value after decompression; Dagster's are some thousands


def traces_among(values: Iterable[RecordValue], phrases: Phrases) -> Iterator[RecordValue]:
    """The values that hold a phrase: texts, and bytes that hold text, also compressed as Dagster does it."""
    left = iter(values)
    while some := list(islice(left, _VALUES_AT_ONCE)):
        hits = phrases.hits(pl.Series([_as_text(value) for value in some], dtype=pl.String))
        yield from (value for value, hit in zip(some, hits, strict=True) if hit)


def redacted(value: RecordValue, phrases: Phrases) -> RecordValue:
    """A value without what holds a phrase; nothing is left of bytes."""
    return phrases.redact(value) if isinstance(value, str) else FORGOTTEN.encode()


def _as_text(value: RecordValue) -> str:
    if isinstance(value, str):
        return value
    with suppress(zlib.error):
        value = zlib.decompressobj().decompress(value, _LARGEST)
    return value.decode("utf-8", errors="replace")
