"""The passages that curation holds units against: what they were made of, and what was retrieved beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl


@dataclass(frozen=True)
class SourcePassage:
    """A passage. ``document`` is what it was cut from, ``said_at`` when that said it, where that is known."""

    passage_id: str
    title: str
    text: str
    content_hash: str
    labels: frozenset[str]
    document: str
    said_at: datetime | None = None

    @property
    def whole(self) -> str:
        """Title and text, blanks squeezed: where a sentence's words, numbers and names are looked for."""
        return " ".join(f"{self.title} {self.text}".split())


def sources_of(passages: pl.DataFrame) -> dict[str, SourcePassage]:
    """PASSAGES by id."""
    return {
        row["passage_id"]: SourcePassage(
            row["passage_id"],
            row["title"],
            row["text"],
            row["content_hash"],
            frozenset(row["labels"]),
            row["source"],
            row["said_at"],
        )
        for row in passages.iter_rows(named=True)
    }
