"""What the adapters for other libraries get: passages that were found, and what a source of them must be able to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from wbrag_pipeline.errors import InputError

SECONDS = 30.0  # of one request to a server


@dataclass(frozen=True)
class RetrievedPassage:
    """A passage or a knowledge unit that was found.

    score: its inner product with the query; None where a server tells none. origin: ``corpus`` or ``writeback``.
    sources: ids of the passages that a unit was made of. release: what it was served from, "" for the corpus alone.
    """

    id: str
    title: str
    text: str
    score: float | None = None
    origin: str = "corpus"
    sources: list[str] = field(default_factory=list)
    release: str = ""

    @property
    def metadata(self) -> dict[str, Any]:
        """What documents of other libraries have beside id, text and score."""
        facts = {"title": self.title, "origin": self.origin, "sources": list(self.sources)}
        return {**facts, "wbrag_release": self.release}


class PassageSource(Protocol):
    """Finds the passages and units of a question that its reader may see."""

    def search(self, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
        """The best ``top_k``, best first; None is the K that the release was validated with.

        Raises InputError for a query that is empty or no text, ValueError for top_k under 1, and WbragError where
        nothing could be searched.
        """

    async def asearch(self, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
        """The same without holding up the event loop."""


def one_line_title(title: pl.Expr) -> pl.Expr:
    """A title as a server writes it, on the first line of a document's contents."""
    return title.str.replace_all(r"\s+", " ")


def checked_query(query: str) -> str:
    """``query`` where it can be searched. Raises InputError."""
    if not query:
        raise InputError("is empty", field="query")
    try:
        query.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError("is no Unicode text: it holds half a character", field="query") from None
    return query


def checked_top_k(top_k: int | None) -> int | None:
    """``top_k`` where it can be searched. Raises ValueError."""
    if top_k is not None and top_k < 1:
        raise ValueError(f"{top_k} passages were asked for; ask for 1 or more")
    return top_k
