"""Files as streams of records, one dict a row, each with its line number: what every reader here starts from.

JSON and CSV, plain or as ``.gz`` / ``.zst``, are decompressed and parsed a row at a time, so a corpus of 21 million
passages is never held as Python objects, and whatever is wrong is found on the line where it stands. Polars' own
JSON reader is faster, but it turns ``5`` and ``["a"]`` into text without a word; here the types arrive as written.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline.datasets.bad_documents import NAMED, BadDocuments
from wbrag_pipeline.datasets.files.csv_header import separator_of, stated_separator, without_empty_columns
from wbrag_pipeline.datasets.files.encodings import (
    WRONG_CONVERSION_HINT,
    conversion_hint,
    encoding_of,
    wrong_conversion,
)
from wbrag_pipeline.datasets.files.json_documents import BrokenDocument, is_document, rows_of_document
from wbrag_pipeline.datasets.files.parquet_rows import first_repeated, rows_of_parquet
from wbrag_pipeline.datasets.files.quoting import name_of, names_shown, shown
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value
from wbrag_pipeline.datasets.files.text_lines import LONGEST_LINE, BadFile, TextLine, lines_of_file
from wbrag_pipeline.datasets.gold_answers import MISSING, is_missing
from wbrag_pipeline.errors import InputError

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
COMPRESSIONS = (".gz", ".zst")
_FLOATS = "pandas makes floats of whole numbers where one is missing; write them as text or whole numbers"
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_BY_LINE = ("jsonl", "csv")
_LONGEST_ROW = LONGEST_LINE  # characters of a CSV row, which may have many lines


@dataclass(frozen=True)
class RecordFile:
    """An input file and how its rows are counted, from 1: JSONL and CSV by line, Parquet and other JSON by row.

    format: ``jsonl``, ``csv``, ``parquet``, or ``json`` where a file is not one row a line, whatever its suffix.
    """

    path: Path
    format: str
    compression: str = ""

    @classmethod
    def at(cls, path: Path) -> RecordFile:
        """The source at ``path``, format and compression told by the suffixes.

        Raises InputError when nothing is there, when it is not a file, or when the suffix is unknown.
        """
        try:
            there, is_file = path.exists(), path.is_file()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot be looked at: {reason}", file=name_of(path), hint="check the path") from None
        if not there:
            raise InputError("there is no such file", file=name_of(path), hint="check the path")
        if not is_file:
            raise InputError("is not a file", file=name_of(path), hint=f"give a file that ends in {', '.join(FORMATS)}")
        suffixes = [suffix.lower() for suffix in path.suffixes]
        compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
        format = FORMATS.get(suffixes[-1] if suffixes else "")
        if format is None or (format == "parquet" and compression):
            known = f"{', '.join(FORMATS)}; JSONL and CSV also as {' or '.join(COMPRESSIONS)}"
            raise InputError("the format is not known by this name", file=name_of(path), hint=f"use one of {known}")
        if format == "jsonl" and is_document(path, compression):
            format = "json"
        return cls(path, format, compression)

    @property
    def stem(self) -> str:
        """File name without any suffix: ``train`` of ``train.jsonl.gz``."""
        return self.path.name.split(".")[0] or self.path.name

    def place(self, number: int) -> str:
        """How a row is named in a message: ``line 7`` or ``row 7``."""
        return f"{'line' if self.format in _BY_LINE else 'row'} {number}"

    def error(
        self, problem: str, number: int | None = None, field: str | None = None, hint: str | None = None
    ) -> InputError:
        """An InputError that names this file and, where given, the row and the field."""
        file, field = name_of(self.path), names_shown([field]) if field is not None else None
        if number is not None and self.format not in _BY_LINE:
            return InputError(problem, file=f"{file}, row {number}", field=field, hint=hint)
        return InputError(problem, file=file, line=number, field=field, hint=hint)


def records(
    source: RecordFile, columns: frozenset[str], bad: BadDocuments | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(number, fields)`` for each row, in file order; blank lines are skipped.

    columns: the fields that are read; of a Parquet file others are None, unless they may hold labels.
    bad: takes note of rows that cannot be read; None refuses the first.

    CSV fields are all str; JSONL and Parquet fields keep their types. Raises InputError on the first thing after which
    nothing can be read: a quote that no other closes, a truncated archive, a file with no rows.
    """
    bad = bad or BadDocuments()
    empty = True
    try:
        if source.format == "jsonl":
            found = _jsonl(source, bad)
        elif source.format == "csv":
            found = _csv(source, bad)
        elif source.format == "json":
            found = _json(source, bad)
        else:
            found = enumerate(rows_of_parquet(source.path, columns), start=1)
        for record in found:
            empty = False
            yield record
    except BrokenDocument as error:
        raise source.error(str(error)) from None
    except BadFile as error:
        hint = "copy or download the file again" if source.format != "parquet" or source.compression else None
        raise source.error(str(error), hint=hint) from None
    if empty and not bad.count:
        raise source.error("holds no rows", hint="an empty file is refused; check that it was written whole")


def _jsonl(source: RecordFile, bad: BadDocuments) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in lines_of_file(source.path, source.compression):
        try:
            text = _decoded(source, line)
            if not text.strip():
                continue
            fields = json_value(text)
            if not isinstance(fields, dict):
                hint = "write one JSON object on each line"
                raise source.error(f"holds {kind_of(fields)}, not a JSON object", line.number, hint=hint)
        except BadJson as error:
            hint = "write one whole JSON object on each line"
            if text.rstrip().endswith("},"):
                hint += ", without a comma after it; or all of them between [ and ]"
            bad.found(source.error(f"broken JSON: {error}", line.number, hint=hint))
        except InputError as error:
            bad.found(error)
        else:
            yield line.number, fields


def _json(source: RecordFile, bad: BadDocuments) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, fields in enumerate(rows_of_document(source.path, source.compression), start=1):
        if isinstance(fields, dict):
            yield number, fields
        else:
            hint = "write one JSON object a row: df.to_json(…, orient='records', lines=True)"
            bad.found(source.error(f"holds {kind_of(fields)}, not a JSON object", number, hint=hint))


def _csv(source: RecordFile, bad: BadDocuments) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _LinesOfRows(source)
    text = iter(lines)
    first = next((line for line in text if line.strip()), "")
    separator, said = separator_of(first), stated_separator(first)
    csv.field_size_limit(_LONGEST_ROW)  # of the process; Python's own is 128 KiB. A row has its own bound here.
    rows = csv.reader(text if said else chain([first], text), delimiter=said or separator, strict=True)
    before = lines.number - (0 if said else 1)  # lines that the rows' own count leaves out
    header: list[str] = []
    number = before + 1  # a quoted cell may hold line breaks, so a row is named by its first line
    try:
        for cells in rows:
            lines.length = 0
            if not any(cell.strip() for cell in cells):
                pass
            elif not header:
                header = without_empty_columns([cell.strip() for cell in cells])
                if (repeated := first_repeated(header)) is not None:
                    raise source.error("the header names this column twice", number, field=repeated)
            elif len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
                problem = f"has {len(cells)} cells where the header has {len(header)}"
                separator = _SEPARATORS.get(rows.dialect.delimiter, "the separator")
                hint = f"put cells that hold {separator} or a line break in double quotes, and write empty cells too"
                bad.found(source.error(problem, number, hint=hint))
            else:
                yield number, dict(zip(header, cells, strict=False))
            number = before + rows.line_num + 1
    except csv.Error as error:
        hint = "close every double quote and double those inside a cell"
        raise source.error(f"broken CSV: {error}", number, hint=hint) from None


class _LinesOfRows:
    """The lines of a CSV file as text; ``length`` counts the characters since the row began, and is bounded."""

    def __init__(self, source: RecordFile) -> None:
        self._source = source
        self._lines = lines_of_file(source.path, source.compression)
        self.length = self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number = line.number
            text = _decoded(self._source, line)
            self.length += len(text)
            if self.length > _LONGEST_ROW:
                raise self._source.error("is in a row that is too long", line.number, hint="close every double quote")
            yield text


def _decoded(source: RecordFile, line: TextLine) -> str:
    if line.data is None:
        problem = f"is longer than {LONGEST_LINE >> 20} MiB"
        raise source.error(problem, line.number, hint="cut the document into passages")
    try:
        text = line.data.decode("utf-8-sig" if line.number == 1 else "utf-8")
        if line.number == 1 and b"\0" in line.data and encoding_of(line.data):
            raise source.error("not UTF-8", line.number, hint=conversion_hint(line.data))
        return text
    except UnicodeDecodeError as error:
        of = "decompressed text" if source.compression else "file"
        byte, offset = line.data[error.start], line.offset + error.start
        problem = f"not UTF-8: byte 0x{byte:02x} at offset {offset} of the {of}"
        raise source.error(problem, line.number, hint=conversion_hint(line.data)) from None


def kind_of(value: object) -> str:
    """A JSON value's kind in words for a message: ``a number``, ``a list``, ``nothing (null)``."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    for types, words in (((int, float), "a number"), ((str,), "text"), ((list,), "a list"), ((dict,), "an object")):
        if isinstance(value, types):
            return words
    return f"a {type(value).__name__}"


def text_field(source: RecordFile, number: int, fields: dict[str, Any], field: str) -> str:
    """The text in ``field``, stripped. Raises InputError when it is missing, of another type, empty or not Unicode."""
    if field not in fields or fields[field] is None:
        hint = f"fields on this {source.place(number)}: {names_shown(fields)}"
        raise source.error("is missing", number, field, hint=hint)
    value = fields[field]
    if not isinstance(value, str):
        raise source.error(f"must be text, not {kind_of(value)}", number, field, hint="put the value in quotes")
    text = value.strip()
    if not text:
        raise source.error("is empty", number, field, hint="fill it in or take the row out")
    if is_missing(text):
        problem = f"holds {shown(text)}, which stands for a missing value"
        raise source.error(problem, number, field, hint="fill it in or take the row out")
    check_unicode(source, number, field, text)
    return text


def check_unicode(source: RecordFile, number: int, field: str, text: str) -> None:
    r"""Refuse NUL, traces of a wrong conversion, and half of a surrogate pair (``\ud83d`` alone).

    JSON can write such a half, and no file can store it.
    """
    if text.isascii() and "\0" not in text:
        return  # nearly every text, millions of times
    if "\0" in text:
        raise source.error("holds a NUL character, which is not text", number, field, hint="take it out")
    if (mark := wrong_conversion(text)) is not None:
        problem = f"holds the control character {mark!r}: it was converted from the wrong encoding"
        raise source.error(problem, number, field, hint=WRONG_CONVERSION_HINT)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        problem = "holds half of a surrogate pair, which is not a character"
        raise source.error(problem, number, field, hint="write the file again with a JSON library") from None


def id_of(source: RecordFile, number: int, fields: dict[str, Any], field: str = "id") -> str:
    """The row's id as text; whole numbers are taken too. Raises InputError when it is missing or another type."""
    value = fields.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        raise source.error(f"is {value}, a number that is no whole one", number, field, hint=_FLOATS)
    if value is not None and not isinstance(value, str) and value == value:
        raise source.error(f"must be text or a whole number, not {kind_of(value)}", number, field)
    if value is None or not isinstance(value, str):
        hint = f"fields on this {source.place(number)}: {names_shown(fields)}; name another column with --map id=…"
        raise source.error("is missing", number, field, hint=hint)
    if not (text := value.strip()):
        raise source.error("is empty", number, field, hint="fill it in or take the row out")
    check_unicode(source, number, field, text)
    return text


def check_ids(source: RecordFile, rows: pl.DataFrame, id_column: str, bad: BadDocuments | None = None) -> pl.DataFrame:
    """The rows whose ids are their own; ``number`` says where each stood.

    bad: takes note of ids that repeat, all of whose rows are left out: nobody knows which is meant. None refuses them.
    """
    bad = bad or BadDocuments()
    ids = rows[id_column]
    if (floats := ids.str.contains(r"^\d+\.0$")).any() and (floats | ids.is_in(MISSING)).all():
        raise source.error(f"all ids are like {shown(ids.filter(floats)[0])}", None, "id", hint=_FLOATS)
    repeats = ~rows[id_column].is_first_distinct()
    if not repeats.any():
        return rows
    for row_id, number in rows.filter(repeats).select(id_column, "number").head(NAMED).iter_rows():
        first = int(rows.filter(pl.col(id_column) == row_id)["number"][0])
        problem = f"the id {shown(row_id)} was already used on {source.place(first)}"
        bad.found(source.error(problem, number, "id", hint="give every row its own id"), 0)
    left = rows.filter(rows[id_column].is_unique())
    bad.count += rows.height - left.height
    return left
