"""What a retriever shows, as tables: passages like those of a corpus, and which of them it showed for which question.

What arrives is from outside, so every passage is looked at: one without text, or whose access labels cannot be read,
is left out and counted, never guessed at.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize

import polars as pl

from wbrag_pipeline.datasets.access_labels import BadLabels, cut_labels, read_labels, stated_labels
from wbrag_pipeline.datasets.dates import parse_date
from wbrag_pipeline.datasets.files.encodings import without_controls
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES, SHOWN, UNIT_ID

_LONGEST_ID = 512  # characters
_LONGEST_TEXT = 1 << 20  # characters of a passage
_DIGITS = 16  # of a hash that is an id


@dataclass(frozen=True)
class ShownPassages:
    """What a retriever showed for some questions.

    shown: SHOWN, one row a question and passage; a question that found nothing has one row, of rank 0.
    passages: PASSAGES, each once. Where one id came with several texts it has several rows: see ``ids_of_two_texts``.
    left_out: why hits were left out, with their number.
    """

    shown: pl.DataFrame
    passages: pl.DataFrame
    left_out: Counter[str]

    def ids_of_two_texts(self) -> list[str]:
        """Ids under which different texts came, in order."""
        twice = self.passages.filter(pl.col("passage_id").is_duplicated())
        return twice["passage_id"].unique().sort().to_list()


def tables_of_hits(questions: Sequence[str], found: Sequence[Sequence[PassageHit]], asked: int) -> ShownPassages:
    """What was found for each question, in order, as tables. Of equal passages of one question the first counts.

    asked: how many were asked for; what is beyond them is left out.
    """
    rows: list[tuple[str, int, int, str | None, float | None]] = []
    passages: dict[tuple[str, str], _Row] = {}
    left_out: Counter[str] = Counter()
    for question, hits in zip(questions, found, strict=True):
        ranked: dict[str, float | None] = {}
        for hit in hits:
            if len(ranked) == asked:
                left_out["more passages than were asked for"] += 1
                continue
            try:
                row = _row(hit)
            except _Unusable as unusable:
                left_out[str(unusable)] += 1
                continue
            if row[0] in ranked:
                left_out["a passage that was shown twice for one question"] += 1
                continue
            ranked[row[0]] = _score(hit.score)
            passages[row[0], row[3]] = row
        places = enumerate(ranked.items(), start=1) if ranked else [(0, (None, None))]
        rows += [(question, asked, rank, passage, score) for rank, (passage, score) in places]
    shown = pl.DataFrame(rows, schema=SHOWN.schema, orient="row")
    table = pl.DataFrame(list(passages.values()), schema=PASSAGES.schema, orient="row")
    return ShownPassages(shown, table.sort("passage_id", "content_hash"), left_out)


_Row = tuple[str, str, str, str, list[str], str, datetime | None]


class _Unusable(Exception):
    """Why a hit is left out."""


def _row(hit: PassageHit) -> _Row:
    """The hit as a row of PASSAGES."""
    metadata = {str(key): value for key, value in hit.metadata.items()}
    text = _text(hit.text)
    if not text:
        raise _Unusable("a passage without text")
    if len(text) > _LONGEST_TEXT:
        raise _Unusable(f"a passage of more than {_LONGEST_TEXT:,} characters")
    title = _line(hit.title) or _line(metadata.get("title"))
    content_hash = sha256_of_text(title, text)
    given = _id(hit.id)
    if UNIT_ID.fullmatch(given):
        raise _Unusable("a knowledge unit in place of a passage")
    passage_id = given or content_hash[:_DIGITS]
    source = _line(metadata.get("source")) or title or passage_id
    return passage_id, title, text, content_hash, _labels(metadata), source, _said_at(metadata)


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return normalize("NFC", without_controls(value)[0].strip())


def _line(value: object) -> str:
    return " ".join(_text(value).split())


def _id(value: object) -> str:
    """The id as text; "" for one that cannot be typed again."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    told = value.strip() if isinstance(value, str) else ""
    return told if len(told) <= _LONGEST_ID and told.isprintable() else ""


def _score(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _labels(metadata: Mapping[str, Any]) -> list[str]:
    """The access labels, a list or a text with ``;`` between them. What cannot be read closes the passage."""
    try:
        field, value = stated_labels(dict(metadata))
        if not field:
            return []
        if isinstance(value, str):
            value = cut_labels(value) if value.strip() else []
        return read_labels(list(value) if isinstance(value, (tuple, set, frozenset)) else value)
    except BadLabels:
        raise _Unusable("a passage whose access labels cannot be read") from None


def _said_at(metadata: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_date(metadata.get("date"))
    except ValueError:
        return None
