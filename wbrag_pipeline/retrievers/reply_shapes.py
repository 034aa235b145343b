"""The shapes in which retrievers are asked over HTTP and answer. Pure functions; what cannot be used is Malformed.

Search-R1 and verl: ``POST /retrieve {"queries", "topk", "return_scores"}``, several queries a request. A document has
``id`` and ``contents``, whose first line is the title; or ``title`` and ``text``.

OpenAI: ``POST /v1/vector_stores/ID/search {"query", "max_num_results"}``, one query a request, since the results of
several come mixed. A result has ``file_id``, ``filename``, ``score``, ``attributes`` and ``content``, pieces of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wbrag_pipeline.datasets.corpora import split_contents
from wbrag_pipeline.datasets.files.records import kind_of
from wbrag_pipeline.datasets.retriever_entry import RetrieverFormat
from wbrag_pipeline.generation.endpoints.reply_body import Malformed
from wbrag_pipeline.retrieval.protocols import PassageHit

_QUERIES_AT_ONCE = 32
_MOST_OF_OPENAI = 50  # its API's own limit
_NOT_METADATA = ("id", "contents", "text", "content", "metadata")


@dataclass(frozen=True)
class ReplyShape:
    """How one format is asked. queries: of one request at most. top_k: passages a query at most, None for no limit."""

    format: RetrieverFormat
    queries: int
    top_k: int | None

    def body(self, queries: Sequence[str], top_k: int) -> dict[str, Any]:
        """The body of a request."""
        if self.format == "openai":
            return {"query": queries[0], "max_num_results": top_k}
        return {"queries": list(queries), "topk": top_k, "return_scores": True}

    def read(self, reply: Any, queries: int) -> list[list[PassageHit]]:
        """The passages of each of so many queries. Raises Malformed."""
        return [_openai(reply)] if self.format == "openai" else _search_r1(reply, queries)


REPLY_SHAPES: dict[RetrieverFormat, ReplyShape] = {
    "search-r1": ReplyShape("search-r1", _QUERIES_AT_ONCE, None),
    "openai": ReplyShape("openai", 1, _MOST_OF_OPENAI),
}


def _search_r1(reply: Any, queries: int) -> list[list[PassageHit]]:
    result = _field(reply, "result", list)
    if len(result) != queries:
        raise Malformed(f"{len(result)} lists of passages for {queries} queries")
    return [[_document(hit) for hit in _list(hits, "a list in 'result'")] for hits in result]


def _document(hit: Any) -> PassageHit:
    """One hit: a document, or a document with its score beside it."""
    document, score = hit, None
    if isinstance(hit, Mapping) and "document" in hit:
        document, score = hit["document"], hit.get("score")
    if isinstance(document, str):
        document = {"contents": document}
    if not isinstance(document, Mapping):
        raise Malformed(f"a document that is {kind_of(document)}")
    contents = document.get("contents")
    if isinstance(contents, str):
        title, text = split_contents(contents)
    else:
        title, text = "", next((t for t in (document.get(n) for n in ("text", "content")) if isinstance(t, str)), "")
        if not text:
            raise Malformed("a document without contents and without text")
    named = document.get("title")
    return PassageHit(text, title or (named if isinstance(named, str) else ""), _id(document), score, _of(document))


def _openai(reply: Any) -> list[PassageHit]:
    return [_result(item) for item in _field(reply, "data", list)]


def _result(item: Any) -> PassageHit:
    if not isinstance(item, Mapping):
        raise Malformed(f"a result that is {kind_of(item)}")
    pieces = [_field(piece, "text", str) for piece in _field(item, "content", list)]
    name, attributes = item.get("filename"), item.get("attributes")
    metadata = dict(attributes) if isinstance(attributes, Mapping) else {}
    if isinstance(name, str):
        metadata = {"source": name, **metadata, "title": name}
    return PassageHit("\n".join(pieces), "", _id(item, "file_id"), item.get("score"), metadata)


def _of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What else a document says of itself, beside its text or under ``metadata``."""
    inner = document.get("metadata")
    beside = {key: value for key, value in document.items() if key not in _NOT_METADATA}
    return {**(inner if isinstance(inner, Mapping) else {}), **beside}


def _id(fields: Mapping[str, Any], name: str = "id") -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Malformed(f"an id that is {kind_of(value)}")
    return str(value)


def _field(fields: Any, name: str, kind: type) -> Any:
    if not isinstance(fields, Mapping):
        raise Malformed(f"{kind_of(fields)} where an object with {name!r} was due")
    if name not in fields:
        raise Malformed(f"no {name!r}")
    if not isinstance(fields[name], kind):
        raise Malformed(f"{name!r} that is {kind_of(fields[name])}")
    return fields[name]


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(f"{what} that is {kind_of(value)}")
    return value
