"""Files as streams of records, one dict a row, each with its line number: what every reader here starts from.

JSONL and CSV, plain or as ``.gz`` / ``.zst``, are decompressed and parsed a line at a time, so a corpus of 21 million
passages is never held as Python objects, and whatever is wrong is found on the line where it stands. Polars' own
JSON reader is faster, but it turns ``5`` and ``["a"]`` into text without a word; here the types arrive as written.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import zstandard
from polars.exceptions import PolarsError

from wbrag_pipeline.errors import InputError

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}
COMPRESSIONS = (".gz", ".zst")
_BLOCK = 1 << 20  # bytes read at a time
_ROWS = 50_000  # rows of a Parquet file that are Python objects at the same time


@dataclass(frozen=True)
class RecordFile:
    """An input file and how its rows are counted: JSONL and CSV by line, Parquet by row, both from 1."""

    path: Path
    format: str
    compression: str = ""

    @classmethod
    def at(cls, path: Path) -> RecordFile:
        """The source at ``path``, format and compression told by the suffixes.

        Raises InputError when nothing is there, when it is not a file, or when the suffix is unknown.
        """
        if not path.exists():
            raise InputError("there is no such file", file=path, hint="check the path")
        if not path.is_file():
            raise InputError("is not a file", file=path, hint=f"give a file that ends in {', '.join(FORMATS)}")
        suffixes = [suffix.lower() for suffix in path.suffixes]
        compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
        format = FORMATS.get(suffixes[-1] if suffixes else "")
        if format is None or (format == "parquet" and compression):
            known = f"{', '.join(FORMATS)}; JSONL and CSV also as {' or '.join(COMPRESSIONS)}"
            raise InputError("the format is not known by this name", file=path, hint=f"use one of {known}")
        return cls(path, format, compression)

    @property
    def stem(self) -> str:
        """File name without any suffix: ``train`` of ``train.jsonl.gz``."""
        return self.path.name.split(".")[0] or self.path.name

    def place(self, number: int) -> str:
        """How a row is named in a message: ``line 7`` or ``row 7``."""
        return f"{'row' if self.format == 'parquet' else 'line'} {number}"

    def error(
        self, problem: str, number: int | None = None, field: str | None = None, hint: str | None = None
    ) -> InputError:
        """An InputError that names this file and, where given, the row and the field."""
        if number is not None and self.format == "parquet":
            return InputError(problem, file=f"{self.path}, row {number}", field=field, hint=hint)
        return InputError(problem, file=self.path, line=number, field=field, hint=hint)


def records(source: RecordFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(number, fields)`` for each row, in file order; blank lines are skipped.

    CSV fields are all str; JSONL and Parquet fields keep their types. Raises InputError on the first thing that
    cannot be read: broken JSON or CSV, text that is not UTF-8, a truncated archive, a file with no rows.
    """
    reader = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[source.format]
    empty = True
    for record in reader(source):
        empty = False
        yield record
    if empty:
        raise source.error("holds no rows", hint="an empty file is refused; check that it was written whole")


def _jsonl(source: RecordFile) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(source):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            hint = "write one whole JSON object on each line"
            raise source.error(f"broken JSON: {error.msg} at column {error.colno}", number, hint=hint) from None
        except RecursionError:
            raise source.error("broken JSON: nested too deeply", number) from None
        if not isinstance(fields, dict):
            hint = "write one JSON object on each line, not a list over many lines"
            raise source.error(f"holds {kind_of(fields)}, not a JSON object", number, hint=hint)
        yield number, fields


def _csv(source: RecordFile) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.reader((line for _, line in _lines(source)), strict=True)
    header: list[str] = []
    number = 1  # a quoted cell may hold line breaks, so a row is named by its first line
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                pass
            elif not header:
                header = [cell.strip() for cell in cells]
                _check_header(source, header, number)
            elif len(cells) != len(header):
                problem = f"has {len(cells)} cells where the header has {len(header)}"
                raise source.error(problem, number, hint="put cells that hold a comma in double quotes")
            else:
                yield number, dict(zip(header, cells, strict=True))
            number = rows.line_num + 1
    except csv.Error as error:
        hint = "close every double quote and double those inside a cell"
        raise source.error(f"broken CSV: {error}", number, hint=hint) from None


def _check_header(source: RecordFile, header: list[str], number: int) -> None:
    repeated = next((name for name in header if header.count(name) > 1), None)
    if repeated is not None:
        raise source.error("the header names this column twice", number, field=repeated)
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise source.error("the columns are not separated by commas", number, hint="save the table with commas")


def _parquet(source: RecordFile) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        frame = pl.read_parquet(source.path)
    except (PolarsError, OSError) as error:
        raise source.error(f"is not a readable Parquet file: {str(error).splitlines()[0]}") from None
    start = 1
    for part in frame.iter_slices(_ROWS):
        yield from enumerate(part.iter_rows(named=True), start=start)
        start += part.height


def _lines(source: RecordFile) -> Iterator[tuple[int, str]]:
    """Decoded lines with their line breaks, counted from 1. A byte order mark at the start is dropped."""
    offset = 0
    with _open(source) as stream:
        for number, raw in enumerate(_guarded(source, stream), start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                of = "decompressed text" if source.compression else "file"
                problem = f"not UTF-8: byte 0x{raw[error.start]:02x} at offset {offset + error.start} of the {of}"
                hint = "save the file as UTF-8, for example with: iconv -f latin1 -t utf-8"
                raise source.error(problem, number, hint=hint) from None
            offset += len(raw)
            yield number, line


def _guarded(source: RecordFile, stream: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from stream
    except (OSError, EOFError, zlib.error, _ZstdError) as error:
        kind = f"cannot be decompressed as {source.compression}" if source.compression else "cannot be read"
        raise source.error(f"{kind}: {error}", hint="copy or download the file again") from None


def _open(source: RecordFile) -> io.BufferedIOBase:
    try:
        if source.compression == ".gz":
            return gzip.GzipFile(source.path, "rb")
        raw = source.path.open("rb")
        return io.BufferedReader(_ZstdBytes(raw), _BLOCK) if source.compression == ".zst" else raw
    except OSError as error:
        raise source.error(f"cannot be opened: {error.strerror}", hint="check its permissions") from None


class _ZstdError(Exception):
    """A .zst file is damaged."""


class _ZstdBytes(io.RawIOBase):
    """Decompressed bytes of a .zst file, frame after frame.

    Written out because ``zstandard``'s own stream reader takes a file that ends inside a frame for a whole one.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame: Any = None  # the decompressor of the frame that is open
        self._compressed = b""
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._raw.close()
        super().close()

    def readinto(self, buffer: Any, /) -> int:
        while not self._pending:
            if not self._compressed:
                self._compressed = self._raw.read(1 << 17)
                if not self._compressed:
                    if self._frame is not None:
                        raise _ZstdError("the file ends in the middle of a frame")
                    return 0
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
            try:
                self._pending = memoryview(self._frame.decompress(self._compressed))
            except zstandard.ZstdError as error:
                raise _ZstdError(str(error)) from None
            self._compressed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        size = min(len(buffer), len(self._pending))
        buffer[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size


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
        there = ", ".join(fields) or "none"
        raise source.error("is missing", number, field, hint=f"fields on this {source.place(number)}: {there}")
    value = fields[field]
    if not isinstance(value, str):
        raise source.error(f"must be text, not {kind_of(value)}", number, field, hint="put the value in quotes")
    text = value.strip()
    if not text:
        raise source.error("is empty", number, field, hint="fill it in or take the row out")
    if not text.isascii():
        check_unicode(source, number, field, text)
    return text


def check_unicode(source: RecordFile, number: int, field: str, text: str) -> None:
    r"""Refuse half of a surrogate pair (``\ud83d`` alone), which JSON can write and no file can store."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        problem = "holds half of a surrogate pair, which is not a character"
        raise source.error(problem, number, field, hint="write the file again with a JSON library") from None


def id_of(source: RecordFile, number: int, fields: dict[str, Any]) -> str:
    """The row's ``id`` as text; whole numbers are taken too. Raises InputError when it is missing or another type."""
    value = fields.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise source.error(f"must be text or a whole number, not {kind_of(value)}", number, "id")
    return text_field(source, number, fields, "id")


def check_ids(source: RecordFile, ids: pl.Series, numbers: pl.Series) -> None:
    """Refuse ids that repeat, naming the first repetition and where the id stood before."""
    repeats = ~ids.is_first_distinct()
    if repeats.any():
        again = repeats.arg_max()
        assert again is not None
        first = int(numbers.filter(ids == ids[again])[0])
        problem = f"the id {ids[again]!r} was already used on {source.place(first)}"
        raise source.error(problem, int(numbers[again]), "id", hint="give every row its own id")
