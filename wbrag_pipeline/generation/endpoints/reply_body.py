"""The body of an endpoint's reply: read up to a size, unpacked, and made JSON of, or said what is wrong with it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from wbrag_pipeline.generation.endpoints.api_key import holds_key, may_be_shown
from wbrag_pipeline.terminal import on_one_line

if TYPE_CHECKING:
    import httpx

Arguments = ParamSpec("Arguments")
Read = TypeVar("Read")

# What is asked for, and all that is unpacked: the size of what comes out of it can be bounded.
ACCEPTED_CODING = "gzip"
# Bytes of a reply at most. A distribution over 260,000 tokens takes some 11 MB; all other replies are far smaller.
MOST_BYTES = 8 << 20
MOST_BYTES_OF_DISTRIBUTION = 32 << 20
# What is read of a refusal (bytes), what is looked at and what is shown of it (characters).
MOST_BYTES_OF_REFUSAL = 64 << 10
_READ = 8000
_SHOWN = 300


class Malformed(Exception):
    """A reply that is not what the route promises; it is asked for again."""


def raises_malformed(read: Callable[Arguments, Read]) -> Callable[Arguments, Read]:
    """``read``, with whatever a reply of another shape makes it raise turned into Malformed."""

    @wraps(read)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Read:
        try:
            return read(*args, **kwargs)
        except ValueError as error:
            raise Malformed(str(error)) from error
        except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise Malformed(f"a reply of another shape: {type(error).__name__}") from error

    return checked


async def read_body(response: httpx.Response, most: int, *, cut: bool = False) -> bytes:
    """The body, unpacked. Raises Malformed where it is longer than ``most`` bytes or cannot be unpacked.

    cut: give the first ``most`` bytes of a longer one. No more than that is ever in memory, whatever the reply's
    headers say or its compression hides.
    """
    whole = response.is_stream_consumed  # from a transport that had it whole and unpacked, as those of tests
    coding = "" if whole else response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", ACCEPTED_CODING):
        raise Malformed("compressed in a way that was not asked for")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == ACCEPTED_CODING else None
    body, came = bytearray(response.content if whole else b""), 0
    if not whole:
        async for piece in response.aiter_raw():
            came += len(piece)
            try:
                body += unpack.decompress(piece, most + 1 - len(body)) if unpack else piece
            except zlib.error as error:
                raise Malformed("compressed data that is damaged") from error
            if max(came, len(body)) > most:
                break
    if cut:
        return bytes(body[:most])
    if max(came, len(body)) > most:
        raise Malformed(f"more than {most:,} bytes")
    if unpack and came and not unpack.eof:
        raise Malformed("compressed data that is cut")
    return bytes(body)


async def read_refusal(response: httpx.Response) -> str:
    """What a server says where it refuses, on one line, see ``in_words``."""
    try:
        return in_words(await read_body(response, MOST_BYTES_OF_REFUSAL, cut=True))
    except Malformed as error:
        return f"({error})"


def in_words(said: bytes) -> str:
    """A server's words on one line, as they may be logged; ``shortened`` is what a message holds of them."""
    if not may_be_shown(said):
        return "(not shown, since it repeats the [key] or a part of it)"
    return on_one_line(said.decode("utf-8", errors="replace"))[:_READ]


def json_in_words(value: Any) -> str:
    """A part of a reply in words, as they may be logged."""
    return in_words(json.dumps(value).encode())


def shortened(words: str) -> str:
    """The beginning of a server's words."""
    return words[:_SHOWN]


def quoted(said: bytes) -> str:
    """The beginning of a server's words as they may be logged and shown."""
    return shortened(in_words(said))


def error_in(reply: Any) -> tuple[int, str] | None:
    """Status and words of an error that came with status 200 in place of an answer; None where there is none.

    The status is the one that the error names as its code, 500 where it names none.
    """
    if not isinstance(reply, Mapping):
        return None
    choices, error = reply.get("choices"), reply.get("error")
    if choices:
        first = choices[0] if isinstance(choices, list) else None
        error = first.get("error") if isinstance(first, Mapping) else None
    elif not error and reply.get("object") == "error":
        error = reply
    if not error:
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else 500
    return status, json_in_words(error)


def read_json(body: bytes) -> Any:
    """The JSON value in a body. Raises Malformed for anything else, and for one that holds the key."""
    if holds_key(body):
        raise Malformed("it repeats the key")
    if not body.strip():
        raise Malformed("an empty body")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        raise Malformed("JSON that is nested too deep" if deep else "no JSON") from error
