"""Corpora into the table PASSAGES: FlashRAG JSONL, CSV, Parquet, or a folder of documents."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from wbrag_pipeline.datasets.access_labels import labels_of
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.dates import said_at_of
from wbrag_pipeline.datasets.document_kinds import KINDS, ending_of
from wbrag_pipeline.datasets.encodings import without_controls
from wbrag_pipeline.datasets.passage_cutting import cut_text
from wbrag_pipeline.datasets.quoting import name_of, names_shown, shown
from wbrag_pipeline.datasets.records import RecordFile, check_ids, check_unicode, id_of, kind_of, records, text_field
from wbrag_pipeline.datasets.text_folder import passages_in_folder
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES, UNIT_ID

_BATCH = 50_000  # rows that are Python objects at the same time
_BATCH_TEXT = 64 << 20  # characters of such rows
_COLUMNS = frozenset({"id", "contents", "title", "text", "labels", "source", "date"})


def read_corpus(path: Path, bad: BadDocuments | None = None, split: int = 0) -> pl.DataFrame:
    """Read a corpus into PASSAGES, one row a passage, in file order.

    path: a file ``.jsonl`` / ``.csv`` (also ``.gz`` / ``.zst``) or ``.parquet`` whose rows have ``id`` and either
        ``contents`` (FlashRAG: the title in double quotes on the first line, then the text) or ``text`` and perhaps
        ``title``, and perhaps ``labels``, ``source`` and ``date``; or a folder of documents, see ``text_folder``.

    bad: takes note of documents and rows that cannot be read, which are left out; None refuses the first.

    split: rows of more words are cut into parts of at most so many, at sentence ends; those of row 17 are ``17#1``,
        ``17#2``, …, and their source is that of the row. 0 cuts none. A folder is always cut.

    A passage's ``content_hash`` is ``storage.sha256_of_text(title, text)``; its ``source`` is its title where the row
    names none, and its own id where it has no title either. Raises one InputError that names file, line, field and
    the fix for anything wrong: no such path, broken row, missing field, repeated id, no passages.
    """
    bad = bad or BadDocuments()
    if os.path.isdir(path):
        found = passages_in_folder(path, bad)
        frame = _table(_Row(number, *passage) for number, passage in enumerate(found, start=1))
        if frame.is_empty():
            told = "holds no text in documents that are read here"
            raise InputError(_but(told, bad), file=name_of(path), hint="an empty corpus is refused")
        return PASSAGES.check(frame.drop("number"), str(path))
    if ending_of(path.name) in KINDS and os.path.isfile(path):
        raise InputError("is one document", file=name_of(path), hint="give the folder that it is in")
    source = RecordFile.at(path)
    rows = (part for row in _passages(source, bad) for part in _in_parts(row, split, bad))
    frame = check_ids(source, _table(rows), "passage_id", bad)
    if frame.is_empty():
        raise source.error(_but("holds no row that can be read", bad), hint="an empty corpus is refused")
    return PASSAGES.check(frame.drop("number"), str(path))


def _but(problem: str, bad: BadDocuments) -> str:
    return "; ".join([problem, *(line.strip() for line in bad.told())])


def split_contents(contents: str) -> tuple[str, str]:
    """``(title, text)`` of FlashRAG's ``contents``: the first line, out of its double quotes, and the rest.

    A passage of one line is all text: its title is empty.
    """
    first, _, rest = contents.partition("\n")
    first, rest = first.strip(), rest.strip()
    if len(first) > 1 and first[0] == first[-1] == '"':
        first = first[1:-1].strip()
    return (first, rest) if rest else ("", first)


class _Row(NamedTuple):
    number: int
    passage_id: str
    title: str
    text: str
    labels: list[str]
    source: str
    said_at: datetime | None


def _passages(source: RecordFile, bad: BadDocuments) -> Iterator[_Row]:
    for number, fields in records(source, _COLUMNS, bad):
        try:
            row = _passage(source, number, fields)
        except InputError as error:
            bad.found(error)
            continue
        (title, some), (text, more) = without_controls(row.title), without_controls(row.text)
        bad.controls += some + more
        if not text.strip():
            bad.found(source.error("holds control characters only", number, "text", hint="take the row out"))
            continue
        yield row._replace(title=title.strip(), text=text) if some or more else row


def _in_parts(row: _Row, words: int, bad: BadDocuments) -> Iterator[_Row]:
    parts = cut_text(row.text, words) if words and len(row.text) > words else []
    if len(parts) < 2:
        yield row
        return
    bad.cut += 1
    for number, text in enumerate(parts, start=1):
        yield row._replace(passage_id=f"{row.passage_id}#{number}", text=text)


def _passage(source: RecordFile, number: int, fields: dict[str, Any]) -> _Row:
    passage_id = id_of(source, number, fields)
    if UNIT_ID.fullmatch(passage_id):
        problem = f"{shown(passage_id)} is the id of a knowledge unit, or looks like one"
        raise source.error(problem, number, "id", hint="give the passage another id, for example with p in front")
    if "contents" in fields:
        title, text = split_contents(text_field(source, number, fields, "contents"))
        if not text:
            raise source.error("is empty", number, "contents", hint="fill it in or take the row out")
    elif "text" in fields:
        title, text = _optional(source, number, fields, "title"), text_field(source, number, fields, "text")
    else:
        hint = f"a row has either contents or text; fields on this {source.place(number)}: {names_shown(fields)}"
        raise source.error("is missing", number, "contents", hint=hint)
    document = _optional(source, number, fields, "source") or title or passage_id
    labels, said_at = labels_of(source, number, fields), said_at_of(source, number, fields)
    return _Row(number, passage_id, title, text, labels, document, said_at)


def _optional(source: RecordFile, number: int, fields: dict[str, Any], field: str) -> str:
    """The text in ``field``, stripped; empty where there is none."""
    value = fields.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise source.error(f"must be text, not {kind_of(value)}", number, field, hint="put the value in quotes")
    check_unicode(source, number, field, value)
    return value.strip()


def _table(rows: Iterable[_Row]) -> pl.DataFrame:
    """PASSAGES with a column ``number`` in front. Rows become columns a batch at a time, so few are Python objects."""
    schema = pl.Schema({"number": pl.UInt32(), **PASSAGES.schema})
    parts: list[pl.DataFrame] = []
    batch: list[tuple[int, str, str, str, str, list[str], str, datetime | None]] = []
    characters = 0
    for row in rows:
        content_hash = sha256_of_text(row.title, row.text)
        batch.append((*row[:4], content_hash, *row[4:]))
        characters += len(row.title) + len(row.text)
        if len(batch) == _BATCH or characters > _BATCH_TEXT:
            parts.append(pl.DataFrame(batch, schema=schema, orient="row"))
            batch, characters = [], 0
    parts.append(pl.DataFrame(batch, schema=schema, orient="row"))
    return pl.concat(parts)
