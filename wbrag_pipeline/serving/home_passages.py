"""Passages of a home, found in this process by a live retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Self

import polars as pl

from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.retrieved_passage import RetrievedPassage, checked_query, checked_top_k, one_line_title


class HomePassages:
    """A ``PassageSource`` over a retriever, which several of them may share, each for another reader.

    labels: the access labels that the reader has; none of them is what is for everybody. Where passages have labels
    and ``labels`` is None, a search raises InputError.
    """

    def __init__(self, retriever: LiveRetriever, *, labels: Collection[str] | None = None) -> None:
        if isinstance(labels, str):
            labels = [labels]  # one label, and not its letters
        self._retriever, self._labels = retriever, None if labels is None else frozenset(labels)

    def search(self, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
        """As ``PassageSource.search``; a promotion or a rollback takes effect at the next call."""
        asked = [checked_query(query)]
        found = self._retriever.search(asked, checked_top_k(top_k), labels=self._labels)
        title = one_line_title(pl.col("title"))
        passage = pl.col("passage_id").alias("id")
        rows = found.hits.sort("rank").select(passage, title, "text", "score", "origin", "sources")
        return [RetrievedPassage(**row, release=found.release) for row in rows.iter_rows(named=True)]

    async def asearch(self, query: str, top_k: int | None = None) -> list[RetrievedPassage]:
        """The same in a thread."""
        return await asyncio.to_thread(self.search, query, top_k)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: frameworks copy their pipelines, and it holds an open index and nothing of a search."""
        return self
