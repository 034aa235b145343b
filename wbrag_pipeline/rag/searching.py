"""A knowledge base as the methods search it, and hits as the passages that a generator reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, runtime_checkable

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Generator, Passage
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, KnowledgeBase
from wbrag_pipeline.retrieval.word_search import BM25

if TYPE_CHECKING:
    import polars as pl

    from wbrag_pipeline.retrieval.protocols import Vectors


def passages_in(rows: pl.DataFrame) -> list[Passage]:
    """Rows of passage_id, title, text, score and perhaps origin and sources, as a generator takes them."""
    sources = rows["sources"].to_list() if "sources" in rows.columns else [()] * rows.height
    origins = rows["origin"].to_list() if "origin" in rows.columns else [CORPUS] * rows.height
    columns = (rows[name] for name in ("passage_id", "title", "text", "score"))
    return [
        Passage(name, title, text, score, tuple(of), origin)
        for name, title, text, score, of, origin in zip(*columns, sources, origins, strict=True)
    ]


def passages_by_query(hits: pl.DataFrame, queries: int) -> list[list[Passage]]:
    """``KnowledgeBase.hits_with_text`` to the passages of each of so many queries, best first."""
    found: list[list[Passage]] = [[] for _ in range(queries)]
    hits = hits.sort("query", "rank")
    for query, passage in zip(hits["query"], passages_in(hits), strict=True):
        found[query].append(passage)
    return found


@runtime_checkable
class TransformsQueries(Protocol):
    """A method whose questions are searched by another vector than their own."""

    def query_vectors(self, generator: Generator, questions: Sequence[str], search: Search) -> Vectors:
        """One vector a question, of length 1."""


def refuse_own_vectors(method: str, search: str) -> NoReturn:
    """Raise InputError: the method searches by a vector, and the corpus is searched by a question's words.

    search: the setting; a retriever of the user's own is the reason where it is not bm25.
    """
    by, instead = ("bm25", ", or take --search hybrid") if search == BM25 else ("a retriever of yours", "")
    raise InputError(
        f"{method} searches by a vector of its own, and {by} takes a question",
        field="method",
        hint=f"leave out what stands before the +{instead}",
    )


@dataclass(frozen=True)
class Search:
    """The top ``top_k`` of ``base``, by a query's own vector. It is a ``policy.Retrieve``."""

    base: KnowledgeBase
    top_k: int

    def __call__(self, queries: Sequence[str]) -> list[list[Passage]]:
        """Passages of each query, best first."""
        hits = self.base.hits_with_text(self.base.search(queries, self.top_k))
        return passages_by_query(hits, len(queries))
