"""When a document said what it says, as it stands in files: the field ``date`` of a row or of a front matter."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.files.records import RecordFile, kind_of

DATE_HINT = "write it as 2026-11-22 or 2026-11-22T18:00:00+01:00, or leave it out"


def said_at_of(source: RecordFile, number: int, fields: dict[str, Any], field: str = "date") -> datetime | None:
    """The moment in a row's field ``date``, in UTC; None where the row has none or an empty one.

    Raises InputError for what is no date: one that is taken for missing could let an old statement win over a new one.
    """
    try:
        return parse_date(fields.get(field))
    except ValueError as error:
        raise source.error(str(error), number, field, DATE_HINT) from None


def parse_date(value: object) -> datetime | None:
    """ISO 8601 text, a date or a moment, in UTC; a date is its first instant, and what names no zone is in UTC.

    Raises ValueError, with what is wrong in words, for anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"is no date: {shown(value)}") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError(f"must be a date, not {kind_of(value)}")
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"is no date that a clock shows: {value}") from None
