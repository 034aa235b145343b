"""The key of an endpoint, and whether what the endpoint says gives it away.

The key comes from the environment at the moment of sending and is stored in no object, so that no repr, log line,
error or lineage event can show it. A server may still repeat it, as it came or in a simple encoding.

Which variables hold the key is that of the context: a generator's, or those that ``key_from`` names.
"""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import unquote_to_bytes

from wbrag_pipeline.errors import InputError

KEY_VARIABLES = ("WBRAG_API_KEY", "OPENAI_API_KEY")
_variables: ContextVar[tuple[str, ...]] = ContextVar("key_variables", default=KEY_VARIABLES)
# Servers that want no key get a word such as "EMPTY", which answers may hold: shorter keys are no secret.
_LEAST_SECRET = 7
# Nor are those shorter than this, even where nothing but an error's words is lost.
_LEAST_QUOTED = 4
# A key of letters alone that is shorter may be a placeholder of two words, which meet in an answer as well.
_LEAST_OF_LETTERS = 20
_LEAST_PART = 6
_ESCAPES_IN_ESCAPES = 8
_ESCAPED = re.compile(rb"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\[abfnrtv]|\\(.)")


@contextmanager
def key_from(*variables: str) -> Iterator[None]:
    """Within the block the key is that of the first of these variables which is set; with none there is no key.

    Another server than the generator's must not get the generator's key.
    """
    token = _variables.set(variables)
    try:
        yield
    finally:
        _variables.reset(token)


def key_variables() -> tuple[str, ...]:
    """The variables that the key is taken from, the first one that is set."""
    return _variables.get()


def api_key() -> str:
    """The key to send, without white space around it, or "" where there is none.

    Raises InputError for one that no header can hold, such as two lines; it is not repeated.
    """
    name = next((name for name in key_variables() if os.environ.get(name)), "")
    key = os.environ.get(name, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError("holds a character that no key holds", field=name, hint="set it to the key alone, on one line")
    return key


def holds_key(said: bytes) -> bool:
    """Whether a reply holds the key: whole, with white space or marks in between, reversed, or encoded.

    Encodings: escapes of JSON, URLs and HTML, base64 (also inside a longer one) and hexadecimal.
    """
    key = api_key().encode()
    if len(key) < _LEAST_SECRET:
        return False
    if key.isalpha() and len(key) < _LEAST_OF_LETTERS:
        return key in said
    return _found(_spellings(key), said, key)


def may_be_shown(said: bytes) -> bool:
    """Whether a reply may be quoted: it holds neither the key nor a third of it, which others might complete."""
    key = api_key().encode()
    if len(key) < _LEAST_SECRET:
        return len(key) < _LEAST_QUOTED or key not in said
    long = max(_LEAST_PART, -(-len(key) // 3))
    parts = {key[at : at + long] for at in range(max(1, len(key) - long + 1))}
    return not _found(_spellings(key) | {form for part in parts for form in (part, part[::-1])}, said, key)


def _found(spellings: set[bytes], said: bytes, key: bytes) -> bool:
    # What is neither a letter nor a digit nor in the key may stand between its pieces.
    dropped = bytes(byte for byte in range(256) if not (bytes([byte]).isalnum() or byte in key))
    texts = {text.translate(None, dropped).lower() for text in (said, *_unescaped(said))}
    wanted = {spelling.translate(None, dropped).lower() for spelling in spellings}
    return any(one in text for one in wanted if one for text in texts)


def _spellings(key: bytes) -> set[bytes]:
    found = {key, key[::-1], key.hex().encode()}
    for ahead in range(3):
        # Whatever stands before and after the key in what was encoded, these characters in the middle are the same.
        coded = base64.b64encode(b"\0" * ahead + key)[(0, 2, 3)[ahead] :]
        coded = coded[: -3 if coded.endswith(b"==") else -2 if coded.endswith(b"=") else None]
        found |= {coded, coded.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def _unescaped(said: bytes) -> list[bytes]:
    """The text out of the escapes of JSON, URLs and HTML, and out of those inside these."""
    found = []
    for _ in range(_ESCAPES_IN_ESCAPES):
        before = said
        if b"\\" in said:
            said = _ESCAPED.sub(_character, said)
        if b"%" in said:
            said = unquote_to_bytes(said)
        if b"&" in said:
            said = html.unescape(said.decode("utf-8", errors="replace")).encode("utf-8", errors="replace")
        if said == before:
            break
        found.append(said)
    return found


def _character(escape: re.Match[bytes]) -> bytes:
    # What is no Latin letter is in no key; white space such as \n only parts its pieces.
    number = int(escape[1] or escape[2] or b"20", 16)
    return escape[3] or (bytes([number]) if number < 0x80 else b" ")
