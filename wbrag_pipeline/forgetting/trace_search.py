"""The search at the end: every file of a home read again, tables and databases decoded, for any trace of the text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wbrag_pipeline.forgetting.lexical_traces import is_of_lexical_index, lexical_trace
from wbrag_pipeline.forgetting.parquet_files import rows_to_forget
from wbrag_pipeline.forgetting.record_database import record_databases, unknown_places
from wbrag_pipeline.forgetting.sqlite_files import has_trace, is_sqlite
from wbrag_pipeline.forgetting.stored_files import TABLE_FILES, StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.forgetting.text_files import decoded_text
from wbrag_pipeline.table_files import parts_of

_BYTES_AT_ONCE = 1 << 24
# Enough for any phrase, also in escapes, that two blocks share.
_OVERLAP = 1 << 12
# How files begin whose text is compressed: they are not read. Parquet and Arrow are where they are called so.
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"7z\xbc\xaf": "7z",
    b"%PDF": "PDF",
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
}


@dataclass(frozen=True)
class Searched:
    """What the search read, where it found something, and what it did not read, each with the reason."""

    files: int
    bytes: int
    traces: tuple[str, ...]
    unread: tuple[str, ...]


def search_home(home: StoredFiles, subject: Subject) -> Searched:
    """Look for the subject's phrases and ids in every file, and in a database of Dagster's records.

    What cannot be read counts as a trace. Links to nowhere and out of the program's own folders, the user's own files
    inside the home, compressed files, and places where Dagster was told to keep its records are not read, and named.
    """
    files = size = 0
    walk = home.walk()
    traces, unread = list(walk.missed), list(walk.unread)
    for file in home.files():
        try:
            if kind := _compression(file):
                unread.append(f"{file}: compressed ({kind})")
                continue
            files += 1
            size += file.stat().st_size
            problem = _trace(file, home, subject)
        except OSError as error:
            problem = f"cannot be read ({(error.strerror or '').lower()})"
        if problem:
            traces.append(f"{file}: {problem}")
    for configuration in home.dagster_configurations:
        unread += unknown_places(configuration)
        for database in record_databases(configuration):
            if problem := database.trace(subject.phrases):
                traces.append(f"{configuration}: {problem}")
    return Searched(files, size, tuple(traces), tuple(unread))


def _trace(file: Path, home: StoredFiles, subject: Subject) -> str | None:
    if is_of_lexical_index(file):
        return lexical_trace(file) if subject.passages else None  # units have no words in it
    if file.suffix in TABLE_FILES:
        try:
            parts = (part for part in parts_of(file) if part.height)
            found = sum(int(rows_to_forget(part, subject, home, file).sum()) for part in parts)
        except (OSError, pl.exceptions.PolarsError):
            return "cannot be read, so nobody knows what it holds; remove it"
        return f"{found} rows" if found else None
    if is_sqlite(file) and has_trace(file, subject.phrases):
        return "holds its words"
    return "holds its words" if _in_bytes(file, subject) else None  # a database's free pages too


def _in_bytes(file: Path, subject: Subject) -> bool:
    if file.stat().st_size <= _BYTES_AT_ONCE:
        return subject.phrases.hit(decoded_text(file))
    with file.open("rb") as stream:
        tail = b""
        while block := stream.read(_BYTES_AT_ONCE):
            if subject.phrases.hit((tail + block).decode("utf-8", errors="replace")):
                return True
            tail = block[-_OVERLAP:]
    return False


def _compression(file: Path) -> str | None:
    if file.suffix in TABLE_FILES:
        return None
    with file.open("rb") as stream:
        begins = stream.read(8)
    return next((kind for magic, kind in _COMPRESSED.items() if begins.startswith(magic)), None)
