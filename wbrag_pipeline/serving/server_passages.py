"""Passages found by a server: ``wbrag serve``, or any other that speaks Search-R1's ``POST /retrieve``."""

from __future__ import annotations

import ssl
import weakref
from collections.abc import Mapping
from typing import Any, Self

import httpx

from wbrag_pipeline.datasets.files.strict_json import json_value
from wbrag_pipeline.errors import InputError, ServerError
from wbrag_pipeline.serving.passage_source import SECONDS, RetrievedPassage, checked_query, checked_top_k
from wbrag_pipeline.terminal import on_one_line

# Bytes of a reply at most: 100 passages of 300 KB.
_MOST_BYTES = 32 << 20
_SHOWN = 300
_LARGEST = 1e300  # of a score that is a number at all
_ROUTE = "/retrieve"


class ServerPassages:
    """A ``PassageSource`` behind an address; ``asearch`` makes a connection of its own, ``search`` keeps its own open.

    url: of the server, with or without ``/retrieve``. token: a bearer token, which decides what is found; it goes to
    this address only and is in no message. benchmark: one of those that are served; None is the first.
    timeout: seconds of one request.

    Raises InputError for an address or a token that cannot be one. Searches raise ServerError where the server cannot
    be reached, refuses, or gives what is no list of passages.
    """

    def __init__(
        self, url: str, *, token: str | None = None, benchmark: str | None = None, timeout: float = SECONDS
    ) -> None:
        self._address = _address(url)
        self._benchmark = benchmark
        # What is packed could be of any size once it is unpacked.
        headers = {"Accept-Encoding": "identity"}
        if token is not None:
            if not token or not all("!" <= letter <= "~" for letter in token):
                raise InputError("is no bearer token", field="token", hint="wbrag token makes one")
            headers["Authorization"] = f"Bearer {token}"
        self._token = token
        self._options: dict[str, Any] = {"headers": headers, "timeout": timeout, "verify": ssl.create_default_context()}
        self._client = httpx.Client(**self._options)
        weakref.finalize(self, self._client.close)

    def __repr__(self) -> str:
        return f"ServerPassages({self._address!r})"

    def search(self, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
        """As ``PassageSource.search``."""
        body = bytearray()
        try:
            with self._client.stream("POST", self._address, json=self._question(query, top_k)) as reply:
                self._check_coding(reply)
                for piece in reply.iter_raw():
                    self._extend(body, piece)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        return self._passages(reply.status_code, bytes(body))

    async def asearch(self, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
        """The same without holding up the event loop."""
        body = bytearray()
        question = self._question(query, top_k)
        try:
            # A connection belongs to its event loop, and a source may be used from several, one after the other.
            async with (
                httpx.AsyncClient(**self._options) as client,
                client.stream("POST", self._address, json=question) as reply,
            ):
                self._check_coding(reply)
                async for piece in reply.aiter_raw():
                    self._extend(body, piece)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        return self._passages(reply.status_code, bytes(body))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: frameworks copy their pipelines, and it holds connections and nothing of a search."""
        return self

    def _question(self, query: str, top_k: int | None) -> dict[str, Any]:
        question: dict[str, Any] = {"queries": [checked_query(query)], "return_scores": True}
        if checked_top_k(top_k) is not None:
            question["topk"] = top_k
        if self._benchmark is not None:
            question["benchmark"] = self._benchmark
        return question

    def _check_coding(self, reply: httpx.Response) -> None:
        if reply.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise ServerError(self._address, "its reply is compressed, which was not asked for")

    def _extend(self, body: bytearray, piece: bytes) -> None:
        body += piece
        if len(body) > _MOST_BYTES:
            raise ServerError(self._address, f"its reply has more than {_MOST_BYTES:,} bytes; ask for fewer passages")

    def _unreachable(self, error: httpx.HTTPError) -> ServerError:
        reason = "did not answer in time" if isinstance(error, httpx.TimeoutException) else _words(error)
        return ServerError(self._address, reason)

    def _passages(self, status: int, body: bytes) -> list[RetrievedPassage]:
        try:
            reply = json_value(body.decode("utf-8"))
        except ValueError:  # BadJson and UnicodeDecodeError are
            reply = None
        if status != 200:
            said = _refusal(reply)
            told = said.replace(self._token, "[token]") if self._token else said  # a server may repeat what it got
            raise ServerError(self._address, f"answered {status}: {on_one_line(told)[:_SHOWN]}", status=status)
        try:
            return passages_of_reply(reply)
        except _NoPassages as problem:
            raise ServerError(self._address, f"is no retrieval server: {problem}") from None


class _NoPassages(Exception):
    """What is wrong with a reply."""


def passages_of_reply(reply: Any) -> list[RetrievedPassage]:
    """The passages of the one query of a reply in Search-R1's shape. Raises an exception that says what is wrong."""
    result = reply.get("result") if isinstance(reply, Mapping) else None
    if not isinstance(result, list) or len(result) != 1 or not isinstance(result[0], list):
        raise _NoPassages("its reply has no field 'result' with one list for the one query")
    release = reply.get("release", "")
    return [_passage(each, release if isinstance(release, str) else "") for each in result[0]]


def _passage(found: Any, release: str) -> RetrievedPassage:
    scored = isinstance(found, Mapping) and isinstance(found.get("document"), Mapping)
    document, score = (found["document"], found.get("score")) if scored else (found, None)
    if not isinstance(document, Mapping) or not isinstance(document.get("contents"), str):
        raise _NoPassages("a document has no field 'contents' with text")
    name = document.get("id", "")
    if not isinstance(name, str | int):
        raise _NoPassages("a document's id is no text")
    title, text = _title_and_text(document["contents"])
    origin, sources = document.get("origin", "corpus"), document.get("sources", [])
    if not isinstance(origin, str) or not isinstance(sources, list):
        raise _NoPassages("a document's origin or sources are not as wbrag serve writes them")
    number = float(score) if isinstance(score, int | float) and abs(score) < _LARGEST else None
    return RetrievedPassage(str(name), title, text, number, origin, [str(each) for each in sources], release)


def _title_and_text(contents: str) -> tuple[str, str]:
    """The title stands on the first line, in quotes; one line alone is text."""
    first, line_break, rest = contents.partition("\n")
    if not line_break:
        return "", contents
    quoted = len(first) >= 2 and first[0] == first[-1] == '"'
    return (first[1:-1] if quoted else first), rest


def _address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise InputError("is no address", field="url", hint="write it as http://127.0.0.1:8080") from None
    if parsed.userinfo:
        raise InputError("holds a password", field="url", hint="take it out, and give a token")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise InputError("is no address of a server", field="url", hint="write it as http://127.0.0.1:8080")
    return str(parsed).rstrip("/").removesuffix(_ROUTE) + _ROUTE


def _refusal(reply: Any) -> str:
    """What a server says where it refuses: OpenAI's error object, or FastAPI's detail."""
    error = reply.get("error", reply.get("detail")) if isinstance(reply, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else error
    return message if isinstance(message, str) else "it does not say why"


def _words(error: httpx.HTTPError) -> str:
    return f"cannot be reached: {on_one_line(str(error))[:_SHOWN] or type(error).__name__}"
