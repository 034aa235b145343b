"""The sample of served queries on disk: segments of rows, of which the oldest go first.

A segment is one Parquet file, written whole and renamed. It is named by the time of its first row and by whoever writes
it, so several servers may record into one folder. A row has the names of columns by which ``wbrag forget`` knows
questions and passages, and the question has an id by which it can be forgotten::

    wbrag forget question q_3f0c5be2a9d34c7e
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.wording import wording
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.storage import remove_directory, replacing, sha256_of_text
from wbrag_pipeline.table_files import write_parquet
from wbrag_pipeline.tables import Table

# Why a row has no text.
PERSONAL, LONG, UNWANTED = "personal", "long", "unwanted"

# One row a query. `question` and its id are "" where the text was left out, and `left_out` says why.
RECORDED = Table(
    "recorded_queries",
    pl.Schema(
        {
            "asked_at": pl.Datetime("us", "UTC"),
            "release": pl.String(),  # "" for the corpus alone
            "question_id": pl.String(),
            "question": pl.String(),
            "left_out": pl.String(),
            "found": pl.Int32(),  # passages and units in the top K
            "units": pl.Int32(),  # of them
            "best_score": pl.Float32(),  # null where nothing was found
            "passages": pl.List(pl.String()),  # in rank order: "corpus:17", "writeback:u_3f…"
        }
    ),
    (),
)

_NAME = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{8}\.parquet")
_TIME = "%Y%m%dT%H%M%S"
_ROWS = 1000  # of a segment
_SPAN = timedelta(days=1)  # of a segment


@dataclass(frozen=True)
class RecordedQueries:
    """The recorded queries of one benchmark. days, most: how long they are kept, and how many of them."""

    folder: Path
    days: int = 30
    most: int = 10_000

    def append(self, rows: pl.DataFrame, segment: str, now: datetime) -> str:
        """Add rows to a segment of one's own, "" for none yet; gives the segment that the next rows belong to.

        What the file holds is read again, so what was forgotten since stays away. A segment that cannot be read is
        left as it is, for whoever looks, and another one is begun.

        Raises StorageError where nothing can be written.
        """
        file = self.folder / (segment or _new_name(now))
        there = _of_segment(file)
        if there is None or there.height >= min(_ROWS, self.most) or _began(file) < now - _SPAN:
            file, there = self.folder / _new_name(now), RECORDED.empty()
        together = pl.concat([there, RECORDED.check(rows)]).tail(self.most)
        with replacing(file) as temporary:
            write_parquet(together, temporary)
        return file.name

    def prune(self, now: datetime) -> int:
        """Take away segments that began too long ago, and the oldest ones beyond the number; gives how many."""
        border, kept, gone = now - timedelta(days=self.days), 0, 0
        for file in reversed(self.segments()):
            kept += _height(file)
            if _began(file) < border or kept > self.most:
                file.unlink(missing_ok=True)
                gone += 1
        return gone

    def segments(self) -> list[Path]:
        """The files, oldest first; other files in the folder are none of them."""
        return sorted(file for file in self.folder.glob("*.parquet") if _NAME.fullmatch(file.name))

    def count(self) -> int:
        """Rows of all segments that can be read."""
        return sum(map(_height, self.segments()))

    def read(self) -> pl.DataFrame:
        """All rows of RECORDED, oldest first. Raises IntegrityError for a damaged segment."""
        parts = [RECORDED.read(file) for file in self.segments()]
        return pl.concat([RECORDED.empty(), *parts]).sort("asked_at", maintain_order=True)

    def delete(self) -> None:
        """Take away everything that was recorded."""
        remove_directory(self.folder)


def question_ids(questions: Sequence[str]) -> list[str]:
    """Ids of questions by their wording: the same question has the same id, whenever it was asked."""
    told = wording(pl.Series(questions, dtype=pl.String))
    pairs = zip(told, questions, strict=True)
    return [f"q_{sha256_of_text('recorded', each)[:16]}" if asked else "" for each, asked in pairs]


def _of_segment(file: Path) -> pl.DataFrame | None:
    if not file.exists():
        return RECORDED.empty()
    try:
        return RECORDED.read(file)
    except IntegrityError:
        return None


def _height(file: Path) -> int:
    try:
        rows: int = pl.scan_parquet(file).select(pl.len()).collect().item()
    except (OSError, pl.exceptions.PolarsError):
        return 0  # a reader of it says what is wrong; its age takes it away
    return rows


def _new_name(now: datetime) -> str:
    return f"{now:{_TIME}}-{secrets.token_hex(4)}.parquet"


def _began(file: Path) -> datetime:
    named = _NAME.fullmatch(file.name)
    return datetime.strptime(named[1] if named else "", _TIME).replace(tzinfo=UTC)
