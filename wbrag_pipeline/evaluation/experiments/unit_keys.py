"""Units whose vectors, or whose questions' vectors, are further keys: to what they were made of, or to themselves."""

from __future__ import annotations

from functools import cache

import polars as pl

from wbrag_pipeline.evaluation.experiments.built_retriever import gated_by, megabytes, scored
from wbrag_pipeline.evaluation.experiments.built_rival import Rival
from wbrag_pipeline.evaluation.experiments.second_keys import found_with_keys
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, WRITEBACK
from wbrag_pipeline.retrieval.protocols import Vectors


def units_as_keys(bench: Workbench, trial: Trial) -> Rival:
    """From small to big: a unit's vector points to the passages that the unit was made of."""
    units = bench.published(trial).sort("unit_id")
    vectors = bench.encoder(trial.settings).encode_passages(units["title"].to_list(), units["text"].to_list())
    pointing = units.select(passage_id="source_passage_ids").with_row_index("unit").explode("passage_id")
    entries = pointing.select(pl.lit(CORPUS).alias("origin"), "passage_id")
    return _keyed(bench, trial, units, None, vectors[pointing["unit"].to_numpy()], entries, units.height)


def units_with_two_keys(bench: Workbench, trial: Trial) -> Rival:
    """A unit is found by its own vector, and by that of the question that it was written for."""
    units = bench.published(trial).sort("unit_id")
    keys = bench.encoder(trial.settings).encode_queries(units["question"].to_list())
    entries = units.select(pl.lit(WRITEBACK).alias("origin"), passage_id="unit_id")
    return _keyed(bench, trial, units, units, keys, entries, 2 * units.height)


def _keyed(
    bench: Workbench,
    trial: Trial,
    units: pl.DataFrame,
    read: pl.DataFrame | None,
    keys: Vectors,
    entries: pl.DataFrame,
    vectors: int,
) -> Rival:
    """read: the units that are read themselves. vectors: how many are kept beside the corpus."""
    system = cache(lambda: bench.system(trial, read))  # built once, when it is first searched

    def find(asked: pl.DataFrame) -> pl.DataFrame:
        return found_with_keys(system(), asked["question"].to_list(), keys, entries)

    def answer(asked: pl.DataFrame) -> pl.DataFrame:
        return bench.answered(trial, asked, units=read, hits=scored(bench, trial, asked, find(asked), read)).read()

    made = (*gated_by(bench, trial), bench.units(trial), bench.curated(trial))
    return Rival(answer, find, units.height, int(units["unit_tokens"].sum()), megabytes(bench, trial, vectors), made)
