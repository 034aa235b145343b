"""Recorded rows by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from wbrag_pipeline.usage.recorded_queries import RECORDED, question_ids

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def recorded(*questions: str, **same: Any) -> pl.DataFrame:
    """RECORDED rows of these questions; the other columns are the same in all."""
    rows = [
        {
            "asked_at": NOON,
            "release": "r000001",
            "question_id": question_ids([question])[0],
            "question": question,
            "left_out": "" if question else "personal",
            "found": 2,
            "units": 0,
            "best_score": 0.5,
            "passages": ["corpus:1", "corpus:2"],
            **same,
        }
        for question in questions
    ]
    return pl.DataFrame(rows, schema=RECORDED.schema)


def numbered(count: int, first: int = 0) -> Sequence[str]:
    """Different questions."""
    return [f"question {first + number}?" for number in range(count)]
