"""Search by words: BM25 over passages and units, and fusing several retrievers' rankings into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.retrieval.knowledge_base import HITS

RANK_CONSTANT = 60  # of reciprocal rank fusion (Cormack et al., 2009)
_WORDS = r"(?u)\b\w+\b"  # bm25s leaves out words of one character by default, and with them "5" and "C"


class Bm25Index:
    """BM25 as the library ``bm25s`` has it by default, over entries held in memory.

    entries: columns origin, passage_id, title, text; in this order equal scores are ranked.

    Raises MissingPartError where bm25s is not installed.
    """

    def __init__(self, entries: pl.DataFrame) -> None:
        self._bm25s = _library()
        self._entries = entries.select("origin", "passage_id")
        self._model = self._bm25s.BM25()
        texts = entries.select(pl.concat_str("title", "text", separator="\n")).to_series().to_list()
        tokens = self._tokens(texts)
        self._empty = not any(tokens.ids)  # an index of no words cannot be built, and nothing is found in it
        if not self._empty:
            self._model.index(tokens, show_progress=False)

    @property
    def megabytes(self) -> float:
        """Size of the index' arrays."""
        scores = {} if self._empty else self._model.scores
        arrays = [array for array in scores.values() if isinstance(array, np.ndarray)]
        return float(sum(array.nbytes for array in arrays)) / 1e6

    def search(self, questions: Sequence[str], top_k: int) -> pl.DataFrame:
        """HITS with BM25's scores, best first; an entry with no word of the question is not found."""
        most = min(top_k, self._entries.height)
        if not questions or self._empty:
            return pl.DataFrame(schema=HITS)
        found, scores = self._model.retrieve(self._tokens(list(questions)), k=most, show_progress=False)
        rows = self._entries.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
        return (
            pl.DataFrame(
                {
                    "query": np.repeat(np.arange(len(questions), dtype=np.int32), most),
                    "place": found.ravel().astype(np.int64),
                    "score": scores.ravel().astype(np.float32),
                }
            )
            .filter(pl.col("score") > 0)
            .sort(["query", "score", "place"], descending=[False, True, False])
            .join(rows, on="place", how="left", maintain_order="left")
            .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
            .select(HITS.names())
            .cast(HITS)
        )

    def _tokens(self, texts: list[str]) -> Any:
        return self._bm25s.tokenize(texts, token_pattern=_WORDS, show_progress=False)


def fused(rankings: Sequence[pl.DataFrame], top_k: int) -> pl.DataFrame:
    """Reciprocal rank fusion of several HITS: 1 / (60 + rank), summed over the rankings that hold an entry.

    Equal sums: what the first ranking has first. Scores are these sums.
    """
    key = ["query", "origin", "passage_id"]
    return (
        pl.concat([ranking.select(*key, "rank") for ranking in rankings])
        .with_columns(share=1.0 / (RANK_CONSTANT + pl.col("rank")))
        .group_by(key, maintain_order=True)
        .agg(pl.col("share").sum().alias("score"))
        .sort(["query", "score"], descending=[False, True], maintain_order=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
        .filter(pl.col("rank") <= top_k)
        .select(HITS.names())
        .cast(HITS)
    )


def _library() -> Any:
    try:
        import bm25s
    except ImportError:
        raise MissingPartError("BM25", "pip install 'wbrag-pipeline[bm25]'") from None
    return bm25s
