"""Which source a corpus' table was read from, noted beside it: what tells whether it has to be read again."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.documents.document_kinds import reading_of_folders
from wbrag_pipeline.datasets.documents.folder_reading import DOCUMENTS, DocumentRecord
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text, stored_json, write_json
from wbrag_pipeline.tables import PASSAGES

# Passages whose facts are in memory together; a digest depends on it.
_DIGESTED_AT_ONCE = 50_000


def source_fingerprint(corpus: Corpus) -> str:
    """Hash of path, size and time of change (nanoseconds) of a corpus' file, or of all files in its folder.

    How they are read is part of it: the same files give other passages where that changes. A retriever has no files,
    and what it says is not looked at here.
    """
    if corpus.path is None:
        return corpus.retriever.fingerprint if corpus.retriever else ""
    source = corpus.path
    facts = [f"split {corpus.split}"] if corpus.split else []
    if named := str(corpus.columns):
        facts.append(f"map {named}")
    if corpus.language != ENGLISH:
        facts.append(f"language {corpus.language}")
    if source.is_dir():
        facts.append(reading_of_folders())
    for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
        with suppress(OSError):  # what nobody may look at says so when it is read
            found = file.stat()
            if stat.S_ISREG(found.st_mode):
                facts.append(f"{_printable(file)}\n{found.st_size}\n{found.st_mtime_ns}")
    return sha256_of_text(_printable(source), *facts)


def _printable(path: Path) -> str:
    """A path as text, also where its name is not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def note_source(
    settings: Settings, corpus: str, fingerprint: str, passages: pl.DataFrame, documents: pl.DataFrame | None = None
) -> None:
    """Write down from which source PASSAGES were read, before they are stored: a table that is not these shows it.

    documents: DOCUMENTS of a folder, which are stored with it.
    """
    file, note = settings.table("documents", corpus), {"source": fingerprint, "passages": _digest(passages)}
    settings.layout.mark_layout()
    if documents is None or documents.is_empty():
        file.unlink(missing_ok=True)
    else:
        note["documents"] = sha256_of_file(DOCUMENTS.store(documents, settings, corpus))
    write_json(settings.layout.source_note(corpus), note)


def noted_source(settings: Settings, corpus: str, passages: Path) -> str:
    """The source that the note gives, if the note is of these passages."""
    try:
        note = stored_json(settings.layout.source_note(corpus))
        return str(note["source"]) if note["passages"] == _digest(pl.scan_parquet(passages)) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def noted_documents(settings: Settings, corpus: str) -> DocumentRecord:
    """A folder's documents as they were read for the stored PASSAGES; none where the note is not of both tables."""
    table, passages = settings.table("documents", corpus), settings.table("passages", corpus)
    with suppress(OSError, ValueError, KeyError, TypeError, IntegrityError, pl.exceptions.PolarsError):
        note = stored_json(settings.layout.source_note(corpus))
        if "documents" in note and note["documents"] == sha256_of_file(table):
            before, stored = DOCUMENTS.read(table), PASSAGES.scan(passages)
            if note["passages"] == _digest(stored):
                return DocumentRecord(before, stored)
    return DocumentRecord()


def _digest(passages: pl.DataFrame | pl.LazyFrame) -> str:
    """Hash of everything that PASSAGES say, their order included; a passage's text counts by its own hash."""
    said = passages.lazy().select(said=pl.struct(pl.exclude("title", "text")).struct.json_encode())
    digest = hashlib.sha256()
    for start in range(0, passages.lazy().select(pl.len()).collect().item(), _DIGESTED_AT_ONCE):
        digest.update("\n".join(said.slice(start, _DIGESTED_AT_ONCE).collect()["said"]).encode("utf-8"))
    return digest.hexdigest()
