"""Which units are alike enough to be compared: MinHash over their words, and the encoder's vectors.

Both only propose. MinHash (Broder 1997, as datasketch has it) finds what shares most of its words, the vectors what
says much the same in other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import polars as pl

from wbrag_pipeline.curation.details import details_of
from wbrag_pipeline.curation.known_languages import words_of_language
from wbrag_pipeline.curation.unit import Unit
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.index_ids import IndexIds
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.stores.faiss_store import FaissStore
from wbrag_pipeline.retrieval.vector_search import Index

# Share of words (Jaccard) from which MinHash proposes a pair, most of the time.
_WORDS_SHARED = 0.6
_PERMUTATIONS = 64
# Cosine from which vectors propose a pair, and how many neighbours of a unit are looked at.
_LEAST_COSINE = 0.85
_NEIGHBOURS = 16


class Neighbours:
    """Pairs of units, by their positions, that are alike. They are asked for one by one: all can be half of n².

    nearest: for each unit those before it that vectors propose; all lists together hold at most 16 n positions.
    """

    def __init__(self, units: Sequence[Unit], encoder: Encoder) -> None:
        self._units = units
        self.nearest: list[set[int]] = [set() for _ in units]
        if len(units) > 1:
            self._search(encoder)

    def alike(self, one: int, other: int) -> bool:
        """Whether two units, the lower position first, share most of their words or are near by their vectors."""
        shared = self._bands[one] == self._bands[other]
        return one in self.nearest[other] or bool(shared.all(axis=1).any())

    @cached_property
    def _bands(self) -> Any:
        """Hashes [units, bands, rows]: what has one whole band in common shares most of its words."""
        import numpy as np
        from datasketch import MinHash, MinHashLSH

        texts = [(f"{unit.title}. {unit.text}", words_of_language(unit.language)) for unit in self._units]
        words = [[word.encode() for word in sorted({*details_of(text, known).tokens})] for text, known in texts]
        made = MinHash.bulk(words, num_perm=_PERMUTATIONS, seed=1)
        bands = MinHashLSH(threshold=_WORDS_SHARED, num_perm=_PERMUTATIONS)
        hashes = np.array([minhash.hashvalues[: bands.b * bands.r] for minhash in made])
        return hashes.reshape(len(made), bands.b, bands.r)

    def _search(self, encoder: Encoder) -> None:
        units = self._units
        vectors = encoder.encode_passages([unit.title for unit in units], [unit.text for unit in units])
        flat = load_faiss().IndexFlatIP(encoder.dimension)
        flat.add(vectors)
        ids = pl.Series("passage_id", [unit.unit_id for unit in units])
        labels = pl.Series("labels", [list(unit.labels) for unit in units], dtype=pl.List(pl.String))
        scores, places = Index(IndexIds.of(ids, labels), FaissStore(flat)).search(vectors, 1 + _NEIGHBOURS)
        for place, (row, near) in enumerate(zip(scores, places, strict=True)):
            for score, other in zip(row, near, strict=True):
                if score >= _LEAST_COSINE and other != place:
                    self.nearest[max(place, int(other))].add(min(place, int(other)))
