"""What the adapters for other libraries stand on: something that finds passages, in a home or behind a server.

::

    source = passage_source(home=".wbrag", benchmark="support", labels=["staff"])
    source = passage_source(url="http://127.0.0.1:8080", token=token)
    source.search("How do I reset my password?", top_k=4)         # list[RetrievedPassage], best first

Each adapter opens one by the same arguments and turns what it finds into its library's own type. Both kinds find the
same. A source holds nothing of a search, so any number of retrievers and threads may share one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from wbrag_pipeline.errors import InputError

SECONDS = 30.0


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


def passage_source(
    *,
    benchmark: str | None = None,
    home: str | Path | None = None,
    labels: Collection[str] | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = SECONDS,
) -> PassageSource:
    """The source in a home, or the one behind the address of ``wbrag serve``.

    benchmark: needed for a home; left out for a server it is the one that the server has first.
    home: searched by the settings of the environment (``WBRAG_ENCODER`` …). It is opened and verified here, which
        takes seconds. labels: the access labels that the reader has; where passages have some and none are given, a
        search is refused.
    url: with ``token``, which decides about labels. timeout: seconds of one request.

    Raises InputError where the two kinds are mixed; for a home what ``LiveRetriever`` raises.
    """
    if (home is None) == (url is None):
        raise InputError("one of both is needed: a folder, or the address of a server", field="home or url")
    if url is not None:
        from wbrag_pipeline.serving.server_passages import ServerPassages

        if labels is not None:
            hint = "give a token that was made with them: wbrag token --label …"
            raise InputError("a server takes access labels from a token only", field="labels", hint=hint)
        return ServerPassages(url, token=token, benchmark=benchmark, timeout=timeout)
    from wbrag_pipeline.rag.methods import with_canonical_method
    from wbrag_pipeline.serving.home_passages import HomePassages
    from wbrag_pipeline.serving.live import LiveRetriever
    from wbrag_pipeline.settings import Settings

    if token is not None:
        hint = "give labels, or the url of a server"
        raise InputError("a home has no tokens, only a server has", field="token", hint=hint)
    if benchmark is None:
        raise InputError("is needed to search a home", field="benchmark", hint="wbrag status lists what there is")
    settings = with_canonical_method(Settings.from_environment(home=home))
    settings.layout.check_layout()
    return HomePassages(LiveRetriever(settings, benchmark), labels=labels)


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
