"""The search at the end: every file of a home read again, tables and databases decoded, for any trace of the text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbrag_pipeline.forgetting.parquet_files import rows_to_forget
from wbrag_pipeline.forgetting.phrases import unescaped
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.forgetting.text_files import decoded_text

_BYTES_AT_ONCE = 1 << 24
# Enough for any phrase, also in escapes, that two blocks share.
_OVERLAP = 1 << 12


@dataclass(frozen=True)
class Searched:
    """What the search read, and where it found something."""

    files: int
    bytes: int
    traces: tuple[str, ...]


def search_home(home: StoredFiles, subject: Subject) -> Searched:
    """Look for the subject's phrases and ids in every file. A table that cannot be read counts as a trace."""
    files = size = 0
    traces: list[str] = []
    for file in home.files():
        files += 1
        size += file.stat().st_size
        if problem := _trace(file, home, subject):
            traces.append(f"{file}: {problem}")
    return Searched(files, size, tuple(traces))


def _trace(file: Path, home: StoredFiles, subject: Subject) -> str | None:
    if file.suffix == ".parquet":
        try:
            frame = pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError):
            return "cannot be read, so nobody knows what it holds; remove it"
        found = int(rows_to_forget(frame, subject, home, file).sum()) if frame.height else 0
        return f"{found} rows" if found else None
    return "holds its words" if _in_bytes(file, subject) else None


def _in_bytes(file: Path, subject: Subject) -> bool:
    if file.stat().st_size <= _BYTES_AT_ONCE:
        return subject.phrases.hit(decoded_text(file))
    with file.open("rb") as stream:
        tail = b""
        while block := stream.read(_BYTES_AT_ONCE):
            if subject.phrases.hit(unescaped((tail + block).decode("utf-8", errors="replace"))):
                return True
            tail = block[-_OVERLAP:]
    return False
