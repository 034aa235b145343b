"""A retriever that answers from what was stored when it was asked last, and asks only what was not asked then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from wbrag_pipeline.retrieval.access import Principal, Unrestricted
from wbrag_pipeline.retrieval.protocols import PassageHit, Retriever
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages, tables_of_hits
from wbrag_pipeline.tables import SHOWN_LATER


class RecordedRetriever:
    """Training and evaluation see one state of the retriever, so that a run can be repeated.

    known: SHOWN_LATER, whatever was asked before. live: asked for questions that are not known, or not as deep: those
    of a method that searches again in the middle of an answer. Readers with labels are served live.
    keep: stores what was asked live, and gives it as SHOWN_LATER.
    """

    def __init__(self, known: pl.DataFrame, live: Retriever, keep: Callable[[ShownPassages], pl.DataFrame]) -> None:
        self._live, self._keep = live, keep
        self._asked: dict[str, int] = {}
        self._found: dict[str, pl.DataFrame] = {}
        self._learn(known)

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> Sequence[Sequence[PassageHit]]:
        """See the protocol."""
        if not isinstance(principal, Unrestricted):
            return self._live.search(queries, top_k, principal=principal)
        new = list(dict.fromkeys(query for query in queries if self._asked.get(query, 0) < top_k))
        if new:
            found = self._live.search(new, top_k, principal=principal)
            self._learn(self._keep(tables_of_hits(new, found, top_k)))
        return [self._stored(query, top_k) for query in queries]

    def _learn(self, known: pl.DataFrame) -> None:
        self._asked |= dict(known.select("question", "asked").unique("question").iter_rows())
        rows = known.filter(pl.col("rank") > 0).sort("question", "rank")
        self._found |= {
            str(question): part for (question,), part in rows.partition_by("question", as_dict=True).items()
        }

    def _stored(self, query: str, top_k: int) -> list[PassageHit]:
        rows = self._found.get(query)
        return [] if rows is None else [_passage(row) for row in rows.head(top_k).iter_rows(named=True)]


def rows_with_passages(shown: pl.DataFrame, passages: pl.DataFrame) -> pl.DataFrame:
    """SHOWN and PASSAGES as SHOWN_LATER; what was shown and is not among the passages is left out."""
    rows = shown.join(passages, on="passage_id", how="left", maintain_order="left")
    there = rows.filter(pl.col("content_hash").is_not_null() | (pl.col("rank") == 0))
    return SHOWN_LATER.check(there)


def _passage(row: Mapping[str, Any]) -> PassageHit:
    metadata = {"source": row["source"], "labels": row["labels"], "date": row["said_at"]}
    return PassageHit(row["text"], row["title"], row["passage_id"], row["score"], metadata)
