"""Text that is not UTF-8: which encoding it has, so that a message can name the command that converts it."""

from __future__ import annotations

import re

_SAMPLE = 1 << 16  # bytes that are looked at
_MARKS = (
    (b"\xef\xbb\xbf", ""),  # UTF-8 after all
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
# Of one byte a character and of two, as iconv names them; for scripts whose letters are all outside of ASCII.
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "gb18030", "big5", "cp932", "euc_jp", "euc_kr"]
_MOSTLY_ASCII = 0.6  # share of ASCII letters from which on a text is taken to be in Latin script
# What text in CP1252 that was converted as if it were Latin-1 has in place of quotation marks and dashes. U+0085 is a
# line break of its own.
_WRONGLY_CONVERTED = re.compile("[\x80-\x84\x86-\x9f]")
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def encoding_of(data: bytes) -> str:
    """The encoding's name for ``iconv``, as far as the first bytes of a file tell it; "" where they do not.

    Told are UTF-16 and UTF-32, by their marks or by their NULs; for Latin script CP1252, what Windows writes in most of
    Europe; for others what charset-normalizer finds.
    """
    data = data[:_SAMPLE]
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    # Most of a text's characters have one byte that is NUL, and all of them on one side.
    even, odd = data[::2].count(0), data[1::2].count(0)
    if len(data) >= 8 and max(even, odd) * 4 > len(data):
        return "UTF-16LE" if odd > even else "UTF-16BE"
    high = sum(byte >= 0x80 for byte in data)
    letters = sum(chr(byte).isalpha() for byte in data if byte < 0x80)
    if letters >= _MOSTLY_ASCII * (letters + high):
        return "CP1252" if not re.search(rb"[\x81\x8d\x8f\x90\x9d]", data) else ""
    from charset_normalizer import from_bytes

    found = from_bytes(data, cp_isolation=_OTHERS).best()
    return found.encoding.upper().replace("_", "-") if found else ""


def conversion_hint(data: bytes) -> str:
    """What to do with a file that begins with ``data`` and is not UTF-8."""
    name = encoding_of(data)
    if not name:
        return "save it as UTF-8 text; which encoding it has cannot be told"
    return f"it looks like {name}; convert it with: iconv -f {name} -t UTF-8 IN > OUT"


def wrong_conversion(text: str) -> str | None:
    """The first character that tells of a conversion from the wrong encoding; None where there is none."""
    found = _WRONGLY_CONVERTED.search(text)
    return found.group() if found else None


WRONG_CONVERSION_HINT = "convert the original again with: iconv -f CP1252 -t UTF-8 IN > OUT"


def without_controls(text: str) -> tuple[str, int]:
    """``text`` with a blank for each control character but tabs and line breaks, and how many there were."""
    return _CONTROLS.subn(" ", text) if not text.isprintable() else (text, 0)
