"""Moments as logs write them: ISO 8601 text, or a count from 1970 on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wbrag_pipeline.datasets.dates import parse_date
from wbrag_pipeline.datasets.gold_answers import is_missing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_DIGITS = 9  # of a count: fewer are a date without dashes
# Counts below these are in seconds, milliseconds, microseconds, others in nanoseconds: the years 1973 to 5138.
_BOUNDS = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))


def moment_of(value: object) -> datetime | None:
    """The moment that a value names, in UTC; None where it is missing. What names no zone is in UTC.

    Raises ValueError, with what is wrong in words.
    """
    if isinstance(value, str):
        if is_missing(value):
            return None
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) >= _LEAST_DIGITS:
            value = int(text)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _counted(value)
    return parse_date(value)


def _counted(count: int | float) -> datetime | None:
    if count != count:
        return None
    size = next((micros for bound, micros in _BOUNDS if abs(count) < bound), None)
    try:
        micros = int(count * size) if size else int(count) // 1_000
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError(f"is no time that a clock shows: {count}") from None
