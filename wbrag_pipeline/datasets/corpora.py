"""Corpora into the table PASSAGES: files of any shape in ``passage_shapes``, or a folder of documents."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unicodedata import normalize

import polars as pl

from wbrag_pipeline.datasets.access_labels import labels_of
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.dates import said_at_of
from wbrag_pipeline.datasets.documents.document_kinds import KINDS, ending_of
from wbrag_pipeline.datasets.documents.folder_reading import DocumentRecord, read_folder
from wbrag_pipeline.datasets.documents.passage_cutting import cut_text
from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, ColumnMap
from wbrag_pipeline.datasets.files.encodings import without_controls
from wbrag_pipeline.datasets.files.quoting import name_of, names_shown, shown
from wbrag_pipeline.datasets.files.records import (
    RecordFile,
    check_ids,
    check_unicode,
    id_of,
    kind_of,
    records,
    text_field,
)
from wbrag_pipeline.datasets.files.row_shapes import BadShape, ShapedRow, Shapes
from wbrag_pipeline.datasets.passage_rows import PassageRow, passage_table
from wbrag_pipeline.datasets.passage_shapes import OTHER_FIELDS, PASSAGE_SHAPES, USUAL_PASSAGES
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.tables import PASSAGES, UNIT_ID


def read_corpus(
    path: Path,
    bad: BadDocuments | None = None,
    columns: ColumnMap = AS_IN_FILE,
    split: int = 0,
    first: int | None = None,
    language: str = ENGLISH,
    documents: DocumentRecord | None = None,
) -> pl.DataFrame:
    """Read a corpus into PASSAGES, one row a passage, in file order.

    path: JSON, JSONL, CSV (also ``.gz`` / ``.zst``) or Parquet, of a shape in ``passage_shapes``, for example with
        ``id``, ``text``, and perhaps ``title``, ``labels``, ``source`` and ``date``; or a folder of documents, see
        ``text_folder``. Titles and texts are given in Unicode's form NFC.
    columns: which columns are meant, where the file has names of its own.
    bad: takes note of documents and rows that cannot be read, which are left out; None refuses the first.

    split: rows of more words are cut into parts of at most so many, at sentence ends; those of row 17 are ``17#1``,
        ``17#2``, …, and their source is that of the row. 0 cuts none. A folder is always cut.

    first: only so many passages, and no more of the corpus is read than that takes.
    language: of the texts: where sentences end.
    documents: of a folder, as they were read before; takes note of how they are read now.

    A passage's ``content_hash`` is ``storage.sha256_of_text(title, text)``; its ``source`` is its title where the row
    names none, and its own id where it has no title either. Raises one InputError that names file, line, field and
    the fix for anything wrong: no such path, broken row, missing field, repeated id, no passages.
    """
    bad = bad or BadDocuments()
    if os.path.isdir(path):
        if columns:
            raise InputError("a folder has no columns to name", file=name_of(path), field="map", hint="leave --map out")
        frame = read_folder(path, bad, language, first, documents)
        if frame.is_empty():
            told = "holds no text in documents that are read here"
            raise InputError(_but(told, bad), file=name_of(path), hint="an empty corpus is refused")
        return PASSAGES.check(frame, str(path))
    if ending_of(path.name) in KINDS and os.path.isfile(path):
        raise InputError("is one document", file=name_of(path), hint="give the folder that it is in")
    source = RecordFile.at(path)
    rows = (part for row in _passages(source, bad, columns) for part in _in_parts(row, split, bad, language))
    frame = check_ids(source, passage_table(islice(rows, first)), "passage_id", bad)
    if frame.is_empty():
        raise source.error(_but("holds no row that can be read", bad), hint="an empty corpus is refused")
    return PASSAGES.check(frame.drop("number"), str(path))


def _but(problem: str, bad: BadDocuments) -> str:
    return "; ".join([problem, *(line.strip() for line in bad.lines())])


def split_contents(contents: str) -> tuple[str, str]:
    """``(title, text)`` of FlashRAG's ``contents``: the first line, out of its double quotes, and the rest.

    A passage of one line is all text: its title is empty.
    """
    first, _, rest = contents.partition("\n")
    first, rest = first.strip(), rest.strip()
    if len(first) > 1 and first[0] == first[-1] == '"':
        first = first[1:-1].strip()
    return (first, rest) if rest else ("", first)


def _passages(source: RecordFile, bad: BadDocuments, columns: ColumnMap) -> Iterator[PassageRow]:
    shapes = Shapes(PASSAGE_SHAPES, USUAL_PASSAGES, columns, OTHER_FIELDS)
    of_source: Counter[str] = Counter()
    for number, fields in records(source, shapes.columns, bad):
        try:
            for row in shapes.rows(fields):
                made = _passage(source, number, row, columns.of("labels"), of_source)
                yield _without_controls(made, source, bad)
        except BadShape as error:
            bad.found(source.error(error.problem, number, error.field, error.hint))
        except InputError as error:
            bad.found(error)


def _without_controls(row: PassageRow, source: RecordFile, bad: BadDocuments) -> PassageRow:
    """The row without control characters, which are counted. Raises InputError where nothing is left of its text."""
    (title, some), (text, more) = without_controls(row.title), without_controls(row.text)
    bad.controls += some + more
    if not text.strip():
        raise source.error("holds control characters only", row.number, "text", hint="take the row out")
    return row._replace(title=title.strip(), text=text) if some or more else row


def _in_parts(row: PassageRow, words: int, bad: BadDocuments, language: str) -> Iterator[PassageRow]:
    parts = cut_text(row.text, words, language) if words and len(row.text) > words else []
    if len(parts) < 2:
        yield row
        return
    bad.cut += 1
    for number, text in enumerate(parts, start=1):
        yield row._replace(passage_id=f"{row.passage_id}#{number}", text=text)


def _passage(
    source: RecordFile, number: int, row: ShapedRow, labels: str | None, of_source: Counter[str]
) -> PassageRow:
    fields, id_field = row.fields, row.column("id")
    text_field_, contents = row.column("text"), row.column("contents")
    document = _optional(source, number, fields, row.column("source"))
    if row.shape.numbered and fields.get(id_field) is None:
        named = document or source.stem
        of_source[named] += 1
        passage_id = f"{named}#{of_source[named]}"
    else:
        passage_id = id_of(source, number, fields, id_field)
    if UNIT_ID.fullmatch(passage_id):
        problem = f"{shown(passage_id)} is the id of a knowledge unit, or looks like one"
        raise source.error(problem, number, id_field, hint="give the passage another id, for example with p in front")
    if contents in fields and text_field_ != "contents":
        title, text = split_contents(text_field(source, number, fields, contents))
        if not text:
            raise source.error("is empty", number, contents, hint="fill it in or take the row out")
    elif text_field_ in fields:
        title = _optional(source, number, fields, row.column("title"))
        text = text_field(source, number, fields, text_field_)
    else:
        there = f"fields on this {source.place(number)}: {names_shown(fields)}"
        hint = f"a row has either contents or text; {there}; name other columns with --map text=…"
        raise source.error("is missing", number, contents, hint=hint)
    found, said_at = labels_of(source, number, fields, labels), said_at_of(source, number, fields, row.column("date"))
    return PassageRow(
        number, passage_id, title, text, found, document or normalize("NFC", title) or passage_id, said_at
    )


def _optional(source: RecordFile, number: int, fields: dict[str, Any], field: str) -> str:
    """The text in ``field``, stripped; empty where there is none."""
    value = fields.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise source.error(f"must be text, not {kind_of(value)}", number, field, hint="put the value in quotes")
    check_unicode(source, number, field, value)
    return value.strip()
