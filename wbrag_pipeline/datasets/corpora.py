"""Corpora into the table PASSAGES: FlashRAG JSONL, CSV, Parquet, or a folder of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from wbrag_pipeline.datasets.access_labels import labels_of
from wbrag_pipeline.datasets.dates import said_at_of
from wbrag_pipeline.datasets.records import RecordFile, check_ids, check_unicode, id_of, kind_of, records, text_field
from wbrag_pipeline.datasets.text_folder import passages_in_folder
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import PASSAGES

_BATCH = 50_000  # rows that are Python objects at the same time


def read_corpus(path: Path) -> pl.DataFrame:
    """Read a corpus into PASSAGES, one row a passage, in file order.

    path: a file ``.jsonl`` / ``.csv`` (also ``.gz`` / ``.zst``) or ``.parquet`` whose rows have ``id`` and either
        ``contents`` (FlashRAG: the title in double quotes on the first line, then the text) or ``text`` and perhaps
        ``title``, and perhaps ``labels``, ``source`` and ``date``; or a folder of ``.md`` / ``.txt`` files, see
        ``text_folder``.

    A passage's ``content_hash`` is ``storage.sha256_of_text(title, text)``; its ``source`` is its title where the row
    names none, and its own id where it has no title either. Raises one InputError that names file, line, field and
    the fix for anything wrong: no such path, broken row, missing field, repeated id, no passages.
    """
    if path.is_dir():
        found = passages_in_folder(path)
        frame = _table(_Row(number, *passage) for number, passage in enumerate(found, start=1))
        if frame.is_empty():
            raise InputError("holds no text in .md or .txt files", file=path, hint="an empty corpus is refused")
        return PASSAGES.check(frame.drop("number"), str(path))
    source = RecordFile.at(path)
    frame = _table(_passages(source))
    check_ids(source, frame["passage_id"], frame["number"])
    return PASSAGES.check(frame.drop("number"), str(path))


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


def _passages(source: RecordFile) -> Iterator[_Row]:
    for number, fields in records(source):
        passage_id = id_of(source, number, fields)
        if "contents" in fields:
            title, text = split_contents(text_field(source, number, fields, "contents"))
            if not text:
                raise source.error("is empty", number, "contents", hint="fill it in or take the row out")
        elif "text" in fields:
            title, text = _optional(source, number, fields, "title"), text_field(source, number, fields, "text")
        else:
            there = ", ".join(fields)
            hint = f"a row has either contents or text; fields on this {source.place(number)}: {there}"
            raise source.error("is missing", number, "contents", hint=hint)
        document = _optional(source, number, fields, "source") or title or passage_id
        labels, said_at = labels_of(source, number, fields), said_at_of(source, number, fields)
        yield _Row(number, passage_id, title, text, labels, document, said_at)


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
    for row in rows:
        content_hash = sha256_of_text(row.title, row.text)
        batch.append((*row[:4], content_hash, *row[4:]))
        if len(batch) == _BATCH:
            parts.append(pl.DataFrame(batch, schema=schema, orient="row"))
            batch = []
    parts.append(pl.DataFrame(batch, schema=schema, orient="row"))
    return pl.concat(parts)
