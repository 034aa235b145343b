"""JSON that is no row a line: one array of rows, an object with the rows under ``data`` (SQuAD), rows over many lines.

The rows are read one after the other, so a file of any size takes the memory of one row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_at_start
from wbrag_pipeline.datasets.files.text_lines import LONGEST_LINE, BadFile, pieces_of_file
from wbrag_pipeline.datasets.label_keys import nested_label_key

_ROWS_KEY = "data"  # the key under which SQuAD and others keep their rows
_BEGINS = re.compile(rb'\s*(?:\[|\{(?:[ \t\r]*\n|\s*(?:"version"\s*:\s*"[^"]*"\s*,\s*)?"data"\s*:\s*\[))')
_NO_BLANK = re.compile(r"[^ \t\n\r]")
_LOOKED_AT = 4096  # bytes at the beginning of a file


class BrokenDocument(BadFile):
    """What is wrong with the JSON, and where."""


def is_document(path: Path, compression: str) -> bool:
    """Whether a file begins like such JSON; False too where it cannot be read."""
    beginning = b""
    try:
        for piece in pieces_of_file(path, compression):
            beginning += piece
            if len(beginning) >= _LOOKED_AT:
                break
    except BadFile:
        pass
    return _BEGINS.match(beginning.removeprefix(codecs.BOM_UTF8)[:_LOOKED_AT]) is not None


def rows_of_document(path: Path, compression: str) -> Iterator[Any]:
    """The rows of such a file, of any type, in their order. Raises BadFile, as BrokenDocument for what is no JSON."""
    text = _Text(_decoded(path, compression))
    while mark := text.next_mark():
        if mark == "[":
            yield from _items(text)
        elif mark == "{":
            yield from _object(text)
        else:
            raise text.error(f"{shown(mark)} where a row should begin")


def _items(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.next_mark() == "]":
        text.take("]")
        return
    while True:
        if text.next_mark() in ("]", ","):
            raise text.error("a comma with nothing after it")
        yield text.value()
        if text.take(",]") == "]":
            return


def _object(text: _Text) -> Iterator[Any]:
    """The rows under ``data`` of an object; where it has none it is a row itself."""
    fields: dict[str, Any] = {}
    has_rows, began = False, text.position
    text.take("{")
    mark = "}" if text.next_mark() == "}" else ","
    if mark == "}":
        text.take("}")
    while mark == ",":
        key = text.value()
        if not isinstance(key, str):
            raise text.error("a key must be text in double quotes")
        if key in fields or (has_rows and key == _ROWS_KEY):
            raise text.error(f"the key {shown(key)} stands twice")
        text.take(":")
        if key == _ROWS_KEY and text.next_mark() == "[":
            has_rows = True
            yield from _items(text)
            began = text.position
        else:
            fields[key] = text.value()
        if text.position - began > LONGEST_LINE:
            raise text.error("a row is too long", "write one row a line: df.to_json(…, orient='records', lines=True)")
        mark = text.take(",}")
    if not has_rows:
        yield fields
    elif (key := nested_label_key(fields)) is not None:
        raise text.error(f"{shown(key)} stands beside the rows and looks like access labels", "write it in each row")


class _Text:
    """The text of a file, as much of it at a time as a value needs."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._buffer, self._at = "", 0
        self._before, self._line, self._line_began = 0, 1, 0  # of what is no longer in the buffer

    @property
    def position(self) -> int:
        """Characters before the next one."""
        return self._before + self._at

    def next_mark(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            if found := _NO_BLANK.search(self._buffer, self._at):
                self._at = found.start()
                return found[0]
            self._at = len(self._buffer)
            if not self._more():
                return ""

    def take(self, marks: str) -> str:
        """The next character that is no blank, which must be one of these."""
        found = self.next_mark()
        if not found or found not in marks:
            there = f"not {shown(found)}" if found else "but the file ends"
            raise self.error(f"there should be {' or '.join(marks)} here, {there}")
        self._at += 1
        return found

    def value(self) -> Any:
        """The value that begins with the next mark."""
        self.next_mark()
        while True:
            try:
                value, end = json_at_start(self._buffer, self._at)
            except BadJson as error:  # what is cut off may be whole with more of the text
                ahead, wrong_at = len(self._buffer) - self._at, (error.at or self._at) - self._at
                if ahead > LONGEST_LINE or not self._more(max(1 << 16, 2 * ahead)):
                    self._at += wrong_at
                    raise self.error(error.problem) from None
            else:
                length = end - self._at
                # A number at the end of what is there may go on.
                if end < len(self._buffer) or not self._more(2 * length + 1):
                    self._at += length
                    return value

    def error(self, problem: str, hint: str = "") -> BrokenDocument:
        """What is wrong, and where."""
        line = self._line + self._buffer.count("\n", 0, self._at)
        last = self._buffer.rfind("\n", 0, self._at)
        column = self._at - last if last >= 0 else self.position - self._line_began + 1
        return BrokenDocument(f"broken JSON at line {line}, column {column}: {problem}{f' ({hint})' if hint else ''}")

    def _more(self, wanted: int = 1) -> bool:
        """Read on until ``wanted`` characters are ahead; whether anything came."""
        self._line += self._buffer.count("\n", 0, self._at)
        if (last := self._buffer.rfind("\n", 0, self._at)) >= 0:
            self._line_began = self._before + last + 1
        parts = [self._buffer[self._at :]]
        self._before, self._at = self._before + self._at, 0
        ahead = before = len(parts[0])
        while ahead < wanted and (piece := next(self._pieces, None)) is not None:
            parts.append(piece)
            ahead += len(piece)
        self._buffer = "".join(parts)
        return ahead > before


def _decoded(path: Path, compression: str) -> Iterator[str]:
    decoder, offset = codecs.getincrementaldecoder("utf-8-sig")(), 0
    for piece in pieces_of_file(path, compression):
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError as error:
            raise BrokenDocument(f"not UTF-8: byte 0x{error.object[error.start]:02x} near offset {offset}") from None
        offset += len(piece)
        if text:
            yield text
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BrokenDocument("not UTF-8: it ends inside a character") from None
