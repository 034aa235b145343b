"""Which units are alike enough to be compared: MinHash over their words, and the encoder's vectors.

Both only propose. MinHash (Broder 1997, as datasketch has it) finds what shares most of its words, the vectors what
says much the same in other words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from wbrag_pipeline.curation.details import details_of
from wbrag_pipeline.curation.unit import Unit
from wbrag_pipeline.retrieval.faiss_library import load_faiss
from wbrag_pipeline.retrieval.faiss_search import Index
from wbrag_pipeline.retrieval.protocols import Encoder

# Share of words (Jaccard) from which MinHash proposes a pair, most of the time.
_WORDS_SHARED = 0.6
_PERMUTATIONS = 64
# Cosine from which vectors propose a pair, and how many neighbours of a unit are looked at.
_LEAST_COSINE = 0.85
_NEIGHBOURS = 16

Pair = tuple[int, int]


def near_pairs(units: Sequence[Unit], encoder: Encoder) -> list[Pair]:
    """Positions of units that are alike, each pair once and in order, the lower position first."""
    if len(units) < 2:
        return []
    return sorted({*_by_words(units), *_by_vectors(units, encoder)})


def _by_words(units: Sequence[Unit]) -> Iterator[Pair]:
    from datasketch import MinHash, MinHashLSH

    words = [[word.encode() for word in sorted({*details_of(f"{unit.title}. {unit.text}").tokens})] for unit in units]
    hashes = MinHash.bulk(words, num_perm=_PERMUTATIONS, seed=1)
    buckets = MinHashLSH(threshold=_WORDS_SHARED, num_perm=_PERMUTATIONS)
    for place, made in enumerate(hashes):
        for other in buckets.query(made):
            yield int(other), place
        buckets.insert(place, made)


def _by_vectors(units: Sequence[Unit], encoder: Encoder) -> Iterator[Pair]:
    vectors = encoder.encode_passages([unit.title for unit in units], [unit.text for unit in units])
    flat = load_faiss().IndexFlatIP(encoder.dimension)
    flat.add(vectors)
    ids = pl.Series("passage_id", [unit.unit_id for unit in units])
    labels = pl.Series("labels", [list(unit.labels) for unit in units], dtype=pl.List(pl.String))
    scores, places = Index(encoder.dimension, ids, labels, flat).search(vectors, 1 + _NEIGHBOURS)
    for place, (row, near) in enumerate(zip(scores, places, strict=True)):
        for score, other in zip(row, near, strict=True):
            if score >= _LEAST_COSINE and other != place:
                yield min(place, int(other)), max(place, int(other))
