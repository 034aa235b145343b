"""A retriever that answers from what was stored when it was asked last, and asks only what was not asked then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from wbrag_pipeline.retrieval.access import Principal, Unrestricted
from wbrag_pipeline.retrieval.protocols import RetrievedPassage, Retriever


class RecordedRetriever:
    """Training and evaluation see one state of the retriever, so that a run can be repeated.

    shown, passages: SHOWN and PASSAGES as they were stored together. live: asked for questions that SHOWN has not, or
    not as deep: those of a method that searches again in the middle of an answer. Readers with labels are served live.
    """

    def __init__(self, shown: pl.DataFrame, passages: pl.DataFrame, live: Retriever) -> None:
        self._live = live
        self._asked: dict[str, int] = dict(shown.select("question", "asked").unique("question").iter_rows())
        rows = shown.filter(pl.col("rank") > 0).sort("question", "rank")
        known = rows.join(passages.drop("content_hash"), on="passage_id", how="inner", maintain_order="left")
        self._found = known.partition_by("question", as_dict=True)

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[Sequence[RetrievedPassage]]:
        """See the protocol."""
        stored = isinstance(principal, Unrestricted)
        new = [query for query in queries if not (stored and self._asked.get(query, 0) >= top_k)]
        asked = dict(zip(new, self._live.search(new, top_k, principal=principal), strict=True)) if new else {}
        return [asked[query] if query in asked else self._stored(query, top_k) for query in queries]

    def _stored(self, query: str, top_k: int) -> list[RetrievedPassage]:
        rows = self._found.get((query,))
        return [] if rows is None else [_passage(row) for row in rows.head(top_k).iter_rows(named=True)]


def _passage(row: Mapping[str, Any]) -> RetrievedPassage:
    metadata = {"source": row["source"], "labels": row["labels"], "date": row["said_at"]}
    return RetrievedPassage(row["text"], row["title"], row["passage_id"], row["score"], metadata)
