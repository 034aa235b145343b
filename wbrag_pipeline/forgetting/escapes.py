"""Texts out of the escapes of JSON, of Python's and JavaScript's strings, and of HTML, so that words stand as written.

What is compared goes through here on both sides, so a text that itself holds something like an escape is no exception.
"""

from __future__ import annotations

import html
import re

import polars as pl

# Escapes inside escapes (JSON in JSON) have more backslashes, and mean the same letter.
_UTF16 = re.compile(r"(?:\\+u[0-9a-fA-F]{4})+")
_CODE_POINT = re.compile(r"\\+U([0-9a-fA-F]{8})|\\+u\{([0-9a-fA-F]{1,6})\}")
_BYTES = re.compile(r"(?:\\+x[0-9a-fA-F]{2})+")
_BLANK = re.compile(r'\\+["\'/bfnrt]')
_DEEPEST = 4  # escapes of HTML inside each other


def unescaped_texts(texts: pl.Series) -> pl.Series:
    """``unescaped`` of each text (String)."""
    escaped = texts.str.contains_any(["\\", "&"])
    if not escaped.any():
        return texts
    return texts.clone().scatter(escaped.arg_true(), [unescaped(text) for text in texts.filter(escaped)])


def unescaped(text: str) -> str:
    """``text`` without escapes: a letter for each escaped one, a blank for an escaped mark or line break."""
    if "\\" in text:
        text = _CODE_POINT.sub(lambda found: _letter(int(found[1] or found[2], 16)), text)
        text = _UTF16.sub(lambda found: _of_utf16(found[0]), text)
        text = _BYTES.sub(lambda found: _of_bytes(found[0]), text)
        text = _BLANK.sub(" ", text)
    for _ in range(_DEEPEST):
        if "&" not in text or (plain := html.unescape(text)) == text:
            break
        text = plain
    return text


def _letter(number: int) -> str:
    return chr(number) if number < 0xD800 or 0xDFFF < number < 0x110000 else "\ufffd"


def _of_utf16(escapes: str) -> str:
    """Letters beyond the first 65,536 are two escapes; half of one is no letter."""
    units = bytes.fromhex("".join(re.findall(r"u(....)", escapes)))
    return units.decode("utf-16-be", errors="replace")


def _of_bytes(escapes: str) -> str:
    """Bytes of UTF-8, as Python shows bytes, or letters of Latin-1, as it shows text."""
    data = bytes.fromhex("".join(re.findall(r"x(..)", escapes)))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
