"""The lines of a file, plain or compressed, in bounded memory whatever the file is.

A line longer than LONGEST_LINE is never held whole. An archive that gives far more than text compresses to is refused:
some kilobytes can stand for terabytes.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import zstandard

LONGEST_LINE = 16 << 20  # bytes
MOST_EXPANSION = 200  # times the size of an archive; text gives 3 to 20 times as much
ALWAYS_TAKEN = 64 << 20  # bytes that an archive may give whatever its size
_PIECE = 1 << 10  # compressed bytes at a time: zstd makes 32 MiB of them at most
_AT_ONCE = 1 << 18  # bytes of a file that is not read by line
_WINDOW = 1 << 27  # bytes that zstd may look back, as much as its own command allows


class BadFile(Exception):
    """Why a file cannot be read any further, in words."""


class TextLine(NamedTuple):
    """A line with its line break; its number, from 1; the offset of its first byte. A line that is too long is None."""

    number: int
    offset: int
    data: bytes | None


def lines_of_file(path: Path, compression: str) -> Iterator[TextLine]:
    """The lines of a file. compression: "", ``.gz`` or ``.zst``. Raises BadFile."""
    try:
        most = max(ALWAYS_TAKEN, MOST_EXPANSION * path.stat().st_size) if compression else None
        with _open(path, compression) as stream:
            number = offset = 0
            while data := stream.readline(LONGEST_LINE + 1):
                number += 1
                length, too_long = len(data), len(data) > LONGEST_LINE
                while too_long and data and not data.endswith(b"\n"):
                    data = stream.readline(LONGEST_LINE)
                    length += len(data)
                    _check_expansion(offset + length, most)
                _check_expansion(offset + length, most)
                yield TextLine(number, offset, None if too_long else data)
                offset += length
    except (OSError, EOFError, zlib.error, _ZstdError) as error:
        raise _unreadable(compression, error) from None


def pieces_of_file(path: Path, compression: str) -> Iterator[bytes]:
    """The bytes of a file, some at a time, however its lines are. Raises BadFile."""
    try:
        most = max(ALWAYS_TAKEN, MOST_EXPANSION * path.stat().st_size) if compression else None
        with _open(path, compression) as stream:
            size = 0
            while data := stream.read(_AT_ONCE):
                size += len(data)
                _check_expansion(size, most)
                yield data
    except (OSError, EOFError, zlib.error, _ZstdError) as error:
        raise _unreadable(compression, error) from None


def _unreadable(compression: str, error: Exception) -> BadFile:
    kind = f"cannot be decompressed as {compression}" if compression else "cannot be read"
    return BadFile(f"{kind}: {getattr(error, 'strerror', None) or error}")


def _check_expansion(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise BadFile(f"decompresses to more than {MOST_EXPANSION} times its size, which no text does")


def _open(path: Path, compression: str) -> io.BufferedIOBase:
    if compression == ".gz":
        return gzip.GzipFile(path, "rb")
    raw = path.open("rb")
    return io.BufferedReader(_ZstdBytes(raw), 1 << 17) if compression == ".zst" else raw


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
                self._compressed = self._raw.read(_PIECE)
                if not self._compressed:
                    if self._frame is not None:
                        raise _ZstdError("the file ends in the middle of a frame")
                    return 0
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
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
