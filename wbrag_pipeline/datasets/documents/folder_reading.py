"""A folder of documents as PASSAGES. What was read before and has not changed since is not read again.

Reading a PDF takes seconds, looking at its size and times microseconds: a refresh of a large folder costs what changed
in it. The result is that of reading all of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import polars as pl

from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.documents.document_kinds import KINDS, reading_of_folders
from wbrag_pipeline.datasets.documents.text_folder import (
    FolderDocument,
    FoundPassage,
    documents_in_folder,
    passages_of_document,
)
from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.datasets.passage_rows import PassageRow, passage_table
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.tables import PASSAGES, Table

# The documents of a folder as they were read: what need not be read again while it is the same. Times are in
# nanoseconds, of the file's content and of its entry in the file system.
DOCUMENTS = Table(
    "documents",
    pl.Schema(
        {
            "source": pl.String(),
            "folder_labels": pl.String(),  # those that its folders give it, with ; between
            "size": pl.UInt64(),
            "modified": pl.Int64(),
            "changed": pl.Int64(),
            "reading": pl.String(),  # what reads it: versions, language
            "passage_count": pl.UInt32(),
            "controls": pl.UInt32(),  # control characters that were taken out
        }
    ),
    ("source",),
)

# A file that was changed this short a time before it was read may change again without another time: some file systems
# count in steps of two seconds. As git does with its index, it is then read once more.
_TOO_RECENT = 2_000_000_000  # nanoseconds
# What a document's passages depend on: what the file system says of it, its folders' labels, and what reads it.
_SAME = ("source", "folder_labels", "size", "modified", "changed", "reading")
# What reading it gave.
_GIVEN = ("source", "passage_count", "controls")


class DocumentRecord:
    """The documents of a folder as they were read before, and as they are read now.

    before: DOCUMENTS. passages: PASSAGES that they gave then; of a document of which one is missing, all is read again.
    now: DOCUMENTS after ``read_folder``; without those that could not be read, or that may still be changing.
    """

    def __init__(self, before: pl.DataFrame | None = None, passages: pl.LazyFrame | None = None) -> None:
        self.before = DOCUMENTS.empty() if before is None else before
        self.passages = PASSAGES.empty().lazy() if passages is None else passages
        self.now = DOCUMENTS.empty()

    def unchanged(self, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of DOCUMENTS that are as before, and their PASSAGES. found: DOCUMENTS without what was read."""
        same = self.before.join(found, on=_SAME, how="semi")
        passages = self.passages.join(same.lazy().select("source"), on="source", how="semi").collect()
        there = passages.group_by("source").agg(there=pl.len().cast(pl.UInt32))
        counted = same.join(there, on="source", how="left").with_columns(pl.col("there").fill_null(0))
        whole = counted.filter(pl.col("passage_count") == pl.col("there")).drop("there")
        return whole, passages.join(whole, on="source", how="semi", maintain_order="left")


def read_folder(
    folder: Path,
    bad: BadDocuments,
    language: str = ENGLISH,
    first: int | None = None,
    record: DocumentRecord | None = None,
) -> pl.DataFrame:
    """PASSAGES of all documents that ``KINDS`` reads, by path; see ``text_folder``.

    bad: takes note of documents that cannot be read and of those without text.
    first: only so many passages, and no more is read than that takes; then ``record`` is not used.
    record: what was read before; takes note of what is read now.
    """
    began, record = time.time_ns(), DocumentRecord() if record is None or first is not None else record
    documents = documents_in_folder(folder, bad)
    found = _as_found(documents, language)
    same, known = record.unchanged(found)
    before = {source: (passages, controls) for source, passages, controls in same.select(_GIVEN).iter_rows()}
    given: dict[str, tuple[int, int]] = {}

    def rows() -> Iterator[PassageRow]:
        for number, document in enumerate(documents):
            controls, read = bad.controls, list[FoundPassage]()
            if document.name in before:
                bad.unchanged += 1
                bad.controls += before[document.name][1]
            else:
                try:
                    read = passages_of_document(folder, document, bad, language)
                except InputError as error:
                    bad.found(error)
                    continue
            count, _ = before.get(document.name, (len(read), 0))
            given[document.name] = (count, bad.controls - controls)
            if not count:
                bad.found_no_text(name_of(folder / document.name))
            yield from (PassageRow(number, *passage) for passage in read)

    new = passage_table(islice(rows(), first))
    numbers = pl.DataFrame({"source": [document.name for document in documents]}, schema={"source": pl.String})
    known = known.join(numbers.with_row_index("number"), on="source", maintain_order="left").select(new.columns)
    record.now = _as_read(found, given, began)
    return pl.concat([new, known]).sort("number", maintain_order=True).drop("number")


def _as_found(documents: list[FolderDocument], language: str) -> pl.DataFrame:
    """DOCUMENTS without what was read of them. A document without a stamp is as no document was before."""
    reading = _reading(language)
    rows = [(name, ";".join(sorted(labels)), *stamp, reading) for name, labels, stamp in documents if stamp is not None]
    return pl.DataFrame(rows, schema={name: DOCUMENTS.schema[name] for name in _SAME}, orient="row")


def _as_read(found: pl.DataFrame, given: dict[str, tuple[int, int]], began: int) -> pl.DataFrame:
    """DOCUMENTS of what was read, less what was changed only just before."""
    told = pl.DataFrame(
        [(source, passages, controls) for source, (passages, controls) in given.items()],
        schema={name: DOCUMENTS.schema[name] for name in _GIVEN},
        orient="row",
    )
    settled = found.filter(pl.max_horizontal("modified", "changed") < began - _TOO_RECENT)
    return DOCUMENTS.check(settled.join(told, on="source", maintain_order="left"))


def _reading(language: str) -> str:
    """What reads the documents, as far as another gives other passages: our own rules, and the libraries."""
    needed = sorted({package for kind in KINDS.values() if kind.is_readable for package in kind.needs})
    return " ".join([language, reading_of_folders(), *(f"{package}=={version(package)}" for package in needed)])
