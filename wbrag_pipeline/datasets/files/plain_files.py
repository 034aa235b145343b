"""Reading one small file whole: never a link, a pipe or a device, never more than a bound."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from wbrag_pipeline.datasets.files.encodings import (
    WRONG_CONVERSION_HINT,
    conversion_hint,
    encoding_of,
    wrong_conversion,
)
from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.errors import InputError

_OTHER_BREAKS = re.compile("\r\n?|[\x0b\x85\u2028\u2029]")


def text_of_file(file: Path, longest: int, *, follow_link: bool = False) -> str:
    r"""A file's text, its line breaks as ``\n``, without a byte order mark.

    longest: bytes. Raises InputError that names the file where it is a link (unless ``follow_link``), no regular file,
    too large, not to be read, not UTF-8, or has a NUL or what tells of a wrong conversion in it.
    """
    data = bytes_of_file(file, longest, follow_link=follow_link)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} of the file"
        raise InputError(problem, file=name_of(file), line=line, hint=conversion_hint(data)) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        hint = conversion_hint(data) if encoding_of(data).startswith("UTF") else None
        raise InputError("holds a NUL character: it is no text", file=name_of(file), line=line, hint=hint)
    if (mark := wrong_conversion(text)) is not None:
        line = text.count("\n", 0, text.index(mark)) + 1
        problem = f"holds the control character {mark!r}: it was converted from the wrong encoding"
        raise InputError(problem, file=name_of(file), line=line, hint=WRONG_CONVERSION_HINT)
    return _OTHER_BREAKS.sub("\n", text)


def bytes_of_file(file: Path, longest: int, *, follow_link: bool = False) -> bytes:
    """A file's bytes. Raises InputError as ``text_of_file`` does where it may not be read or is too large."""
    # Looked at before and after it is opened: a device may act when opened, and what has the name may change meanwhile.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_link else os.O_NOFOLLOW)
    try:
        _require_regular(file, (file.stat() if follow_link else file.lstat()).st_mode)
        handle = os.open(file, flags)
        try:
            _require_regular(file, os.fstat(handle).st_mode)
            with open(handle, "rb", closefd=False) as stream:
                data = stream.read(longest + 1)
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror or str(error)
        hint = (
            "check the path" if isinstance(error, FileNotFoundError | NotADirectoryError) else "check its permissions"
        )
        raise InputError(f"cannot be read: {reason}", file=name_of(file), hint=hint) from None
    if len(data) > longest:
        raise InputError(f"is larger than {longest >> 20} MiB", file=name_of(file), hint="cut it into several files")
    return data


def _require_regular(file: Path, mode: int) -> None:
    if stat.S_ISLNK(mode):
        hint = "links are not followed; put a copy in its place"
        raise InputError("is a link", file=name_of(file), hint=hint)
    if not stat.S_ISREG(mode):
        raise InputError("is not a regular file", file=name_of(file), hint="take it out of the folder")
