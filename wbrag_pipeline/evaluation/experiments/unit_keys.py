"""Units whose vectors, or whose questions' vectors, are further keys: to what they were made of, or to themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import polars as pl

from wbrag_pipeline.evaluation.experiments.second_keys import search_with_keys
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, WRITEBACK
from wbrag_pipeline.retrieval.protocols import Vectors


@dataclass(frozen=True)
class KeyedUnits:
    """How questions find entries. find: SPLIT to HITS, the top K. read: the units among them, or None where there are
    none. vectors: how many are kept beside the corpus.
    """

    find: Callable[[pl.DataFrame], pl.DataFrame]
    read: pl.DataFrame | None
    vectors: int


def units_as_keys(bench: Workbench, trial: Trial) -> KeyedUnits:
    """From small to big: a unit's vector points to the passages that the unit was made of."""
    units = bench.published(trial).sort("unit_id")
    vectors = bench.encoder(trial.settings).encode_passages(units["title"].to_list(), units["text"].to_list())
    pointing = units.select(passage_id="source_passage_ids").with_row_index("unit").explode("passage_id")
    entries = pointing.select(pl.lit(CORPUS).alias("origin"), "passage_id")
    return _keyed(bench, trial, None, vectors[pointing["unit"].to_numpy()], entries, len(vectors))


def units_with_two_keys(bench: Workbench, trial: Trial) -> KeyedUnits:
    """A unit is found by its own vector, and by that of the question that it was written for."""
    units = bench.published(trial).sort("unit_id")
    keys = bench.encoder(trial.settings).encode_queries(units["question"].to_list())
    entries = units.select(pl.lit(WRITEBACK).alias("origin"), passage_id="unit_id")
    return _keyed(bench, trial, units, keys, entries, 2 * units.height)


def _keyed(
    bench: Workbench, trial: Trial, read: pl.DataFrame | None, keys: Vectors, entries: pl.DataFrame, vectors: int
) -> KeyedUnits:
    system = cache(lambda: bench.system(trial, read))  # built once, when it is first searched

    def find(asked: pl.DataFrame) -> pl.DataFrame:
        questions = asked["question"].to_list()
        queries = system().query_vectors(questions)

        def search(depth: int) -> pl.DataFrame:
            return system().retrieve(questions, top_k=depth, vectors=queries)

        return search_with_keys(search, queries, keys, entries, trial.settings.top_k)

    return KeyedUnits(find, read, vectors)
