"""Rows of passages into the table PASSAGES, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from unicodedata import normalize

import polars as pl

from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES

_BATCH = 50_000  # rows that are Python objects at the same time
_BATCH_TEXT = 64 << 20  # characters of such rows


class PassageRow(NamedTuple):
    """A row of PASSAGES with the number of its row in a file, or of its document in a folder."""

    number: int
    passage_id: str
    title: str
    text: str
    labels: list[str]
    source: str
    said_at: datetime | None


def passage_table(rows: Iterable[PassageRow]) -> pl.DataFrame:
    """PASSAGES with a column ``number`` in front. Rows become columns a batch at a time, so few are Python objects."""
    schema = pl.Schema({"number": pl.UInt32(), **PASSAGES.schema})
    parts: list[pl.DataFrame] = []
    batch: list[tuple[int, str, str, str, str, list[str], str, datetime | None]] = []
    characters = 0
    for found in rows:
        plain = found.title.isascii() and found.text.isascii()
        row = found if plain else found._replace(title=normalize("NFC", found.title), text=normalize("NFC", found.text))
        content_hash = sha256_of_text(row.title, row.text)
        batch.append((*row[:4], content_hash, *row[4:]))
        characters += len(row.title) + len(row.text)
        if len(batch) == _BATCH or characters > _BATCH_TEXT:
            parts.append(pl.DataFrame(batch, schema=schema, orient="row"))
            batch, characters = [], 0
    parts.append(pl.DataFrame(batch, schema=schema, orient="row"))
    return pl.concat(parts)
