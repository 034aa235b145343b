"""A knowledge base searched by words, alone (``bm25``) or together with vectors (``hybrid``).

Both layers, the corpus and the units, are searched by BM25. ``hybrid`` fuses that ranking with the one by vectors, the
first 100 of each, by reciprocal rank. Whatever chose a passage, the score that it is shown with is the inner product
of its vector and the question's: methods and generators weigh passages by it. So scores need not fall with the rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from wbrag_pipeline.retrieval.access import Principal
from wbrag_pipeline.retrieval.bm25 import bm25_search
from wbrag_pipeline.retrieval.lexical_index import LexicalIndex, lexical_index_of
from wbrag_pipeline.retrieval.merging import fused_rankings
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.retrieval.stores.exact_scores import exact_scores
from wbrag_pipeline.retrieval.vector_search import Index

DENSE, BM25, HYBRID = "dense", "bm25", "hybrid"
FUSED_DEPTH = 100
_KEY = ["query", "origin", "passage_id"]

# Candidates (query, origin, passage_id, score) to one ranking of so many, as ``knowledge_base.HITS``.
Merge = Callable[[pl.DataFrame, int], pl.DataFrame]


@dataclass(frozen=True)
class WordSearch:
    """The words of a corpus and of the units beside it, each in the order of its index.

    search: ``bm25`` or ``hybrid``.
    """

    search: str
    corpus: LexicalIndex
    units: LexicalIndex | None = None

    def beside(self, units: pl.DataFrame | None, index: Index | None = None) -> WordSearch:
        """The same corpus with the words of these units (KNOWLEDGE_UNITS) and their index, or of none."""
        if units is None or index is None:
            return replace(self, units=None)
        in_order = pl.DataFrame({"unit_id": index.ids}).join(units, on="unit_id", how="left", maintain_order="left")
        return replace(self, units=lexical_index_of(in_order))

    def find(
        self,
        questions: Sequence[str],
        vectors: Vectors,
        top_k: int,
        layers: Sequence[tuple[str, Index]],
        reader: Principal,
        *,
        near: Callable[[int], pl.DataFrame],
        merge: Merge,
    ) -> pl.DataFrame:
        """The first ``top_k`` of each question: query, rank, origin, passage_id, and as score the inner product.

        vectors: of the questions. layers: corpus and units, by origin.
        near: the ranking by vectors, to a depth. merge: how corpus and units become one ranking.
        """
        depth = max(top_k, FUSED_DEPTH) if self.search == HYBRID else top_k
        told = self._candidates(questions, depth, layers, reader)
        rankings = [merge(told.drop("place"), depth)]
        if self.search == HYBRID:
            rankings.insert(0, near(depth))
        found = fused_rankings(rankings, top_k).drop("score")
        known = (rankings[0] if self.search == HYBRID else told.clear()).select(*_KEY, "score")
        rows = found.join(known, on=_KEY, how="left", maintain_order="left")
        rows = rows.join(told.select(*_KEY, "place"), on=_KEY, how="left", maintain_order="left")
        return _with_scores(rows, vectors, layers)

    def _candidates(
        self, questions: Sequence[str], top_k: int, layers: Sequence[tuple[str, Index]], reader: Principal
    ) -> pl.DataFrame:
        """Rows (query, origin, passage_id, place, score) by BM25, best first within each query and origin."""
        words = [self.corpus, self.units][: len(layers)]
        searched = [
            (found, index.label_sets.visible_to(reader))
            for found, (_, index) in zip(words, layers, strict=True)
            if found is not None
        ]
        best = bm25_search(questions, top_k, searched)
        frames = []
        for number, (origin, index) in enumerate(layers):
            places = np.concatenate([np.zeros(0, dtype=np.int64), *(row[number][0] for row in best)])
            scores = np.concatenate([np.zeros(0, dtype=np.float32), *(row[number][1] for row in best)])
            frame = {
                "query": np.repeat(np.arange(len(best), dtype=np.int32), [len(row[number][0]) for row in best]),
                "origin": pl.repeat(origin, len(places), dtype=pl.String, eager=True),
                "passage_id": index.ids_at(places),
                "place": places,
                "score": scores,
            }
            frames.append(pl.DataFrame(frame, schema_overrides={"query": pl.Int32, "score": pl.Float32}))
        return pl.concat(frames)


def _with_scores(rows: pl.DataFrame, vectors: Vectors, layers: Sequence[tuple[str, Index]]) -> pl.DataFrame:
    """Rows with the score that the vectors give, where none is known yet; found by ``place``, which goes."""
    rows = rows.with_row_index("row")
    scores = rows["score"].to_numpy(writable=True)
    for origin, index in layers:
        asked = rows.filter(pl.col("score").is_null() & (pl.col("origin") == origin))
        if asked.height:
            passages = np.concatenate(list(index.vectors_at(asked["place"].to_numpy())))
            products = exact_scores(vectors[asked["query"].to_numpy()], passages[:, None, :])
            scores[asked["row"].to_numpy()] = products[:, 0]
    return rows.with_columns(pl.Series("score", scores, pl.Float32)).drop("row", "place")
