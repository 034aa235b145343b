"""BM25 over a corpus and what stands beside it, for a reader who may not see all of it.

A word counts for more the fewer passages have it (Lucene's form, k1 = 1.5, b = 0.75: what the library bm25s computes
by default). Three things are decided here:

- **A reader has the statistics of what he sees.** How many passages have a word, and how long passages are, is counted
  over those that he may see. Passages that he may not see change no score: his results are those of a corpus that does
  not have them.
- **Units are scored with the corpus' statistics.** A word weighs the same in a unit as in a passage, so their scores
  compare, and units change no passage's score.
- **What has no word of the question is not found.** So fewer than K can come back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl

from wbrag_pipeline.retrieval.access import Visible
from wbrag_pipeline.retrieval.lexical_index import LexicalIndex, Numbers, split_words
from wbrag_pipeline.retrieval.protocols import Positions, Vectors

K1, B = 1.5, 0.75


def bm25_search(
    questions: Sequence[str], top_k: int, layers: Sequence[tuple[LexicalIndex, Visible | None]]
) -> list[list[tuple[Positions, Vectors]]]:
    """For each question and layer, the places of the best ``top_k`` and their scores; of equal scores the first place.

    layers: indexes, each with what the reader may see of it, or None for all. The first is the corpus, whose statistics
        hold for all.
    """
    asked = [Counter(words) for words in split_words(pl.Series(questions, dtype=pl.String)).to_list()]
    every = list(dict.fromkeys(word for words in asked for word in words))
    rows = [dict(zip(every, index.rows_of(every), strict=True)) for index, _ in layers]
    corpus, visible = layers[0]
    passages = len(corpus) if visible is None else visible.count
    total = int(np.sum(corpus.lengths, dtype=np.int64, where=True if visible is None else visible.mask()))
    mean_length = total / passages if total else 1.0

    found: list[list[tuple[Positions, Vectors]]] = []
    for words in asked:
        held = {word: [_seen(layer, row[word]) for layer, row in zip(layers, rows, strict=True)] for word in words}
        weights = {word: times * _idf(len(held[word][0][0]), passages) for word, times in words.items()}
        found.append(
            [
                _best(_scores(index, [(weights[word], *held[word][layer]) for word in words], mean_length), top_k)
                for layer, (index, _) in enumerate(layers)
            ]
        )
    return found


def _idf(holding: int, passages: int) -> float:
    """Weight of a word that so many of the passages have; of one that only units have, as if it were rarer still."""
    return math.log(1 + (passages - holding + 0.5) / (holding + 0.5))


def _seen(layer: tuple[LexicalIndex, Visible | None], row: int | None) -> tuple[Numbers, Numbers]:
    """Places and counts of a word, of what the reader may see."""
    index, visible = layer
    places, counts = index.holding(row)
    if visible is None:
        return places, counts
    there = visible.holds(places)
    return places[there], counts[there]


def _scores(
    index: LexicalIndex,
    words: Sequence[tuple[float, Numbers, Numbers]],
    mean_length: float,
) -> Vectors:
    """Score of every place by the words of a question: their weight, places and counts."""
    if not words:
        return np.zeros(len(index), dtype=np.float32)
    parts = []
    for weight, places, counts in words:
        often = counts.astype(np.float64)
        parts.append(weight * often / (often + K1 * (1 - B + B * index.lengths[places] / mean_length)))
    where = np.concatenate([places for _, places, _ in words])
    sums: Vectors = np.bincount(where, np.concatenate(parts), minlength=len(index)).astype(np.float32)
    return sums


def _best(scores: Vectors, top_k: int) -> tuple[Positions, Vectors]:
    """Places of the highest scores over 0, in order, and these scores; of equal ones the first place."""
    found = np.flatnonzero(scores > 0)
    if len(found) > top_k:
        border = np.partition(scores[found], -top_k)[-top_k]
        found = found[scores[found] >= border]
    order = np.lexsort((found, -scores[found]))[:top_k]
    places: Positions = found[order].astype(np.int64)
    return places, scores[places]
