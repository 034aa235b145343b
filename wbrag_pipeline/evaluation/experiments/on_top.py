"""Does write-back help a better retriever too: each retriever without and with units beside the corpus."""

from __future__ import annotations

from typing import Any

import polars as pl

from wbrag_pipeline.evaluation.evaluate import join_sides
from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.built_retriever import scored
from wbrag_pipeline.evaluation.experiments.matrix import gain_columns, who
from wbrag_pipeline.evaluation.experiments.retrievers import ENCODER_ALONE, build_retriever, retrievers_for
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.evaluation.recall import answer_recall
from wbrag_pipeline.evaluation.statistics import summarise
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import RETRIEVALS

# Those that need no training questions themselves, so that units can be trained with them.
TRAINED_WITH = ("BM25", "hybrid")


def pairs_for(generator: str) -> list[tuple[str, str]]:
    """Retriever and the one that its units were trained with: the dense one's everywhere, then a retriever's own."""
    return [*((name, ENCODER_ALONE) for name in retrievers_for(generator)), *((name, name) for name in TRAINED_WITH)]


def on_top_row(bench: Workbench, trial: Trial, name: str, units_of: str = ENCODER_ALONE) -> dict[str, Any]:
    """Units of the present settings on top of a retriever: a row of ``results.ON_TOP``.

    units_of: the retriever that training searched with, of TRAINED_WITH or the dense one.
    """
    built, test = build_retriever(bench, trial, name), bench.questions(trial, "test")
    evidence = None if units_of == ENCODER_ALONE else bench.gated_docs(trial, found_by(bench, trial, units_of))
    units = bench.published(trial, evidence)
    sides = []
    for beside in (None, units):
        hits = scored(bench, trial, test, built.find(test, beside), beside)
        sides.append(bench.answered(trial, test, units=beside, hits=hits).read())
    evaluation = join_sides(test, *sides)
    summary = summarise(evaluation, seed=trial.settings.seed)
    recall: tuple[float | None, float | None] = (None, None)
    if not bench.context(trial).task.choices:
        recall = answer_recall(evaluation, bench.passages(trial), units)
    return {
        **who(trial),
        "retriever": name,
        "units_of": units_of,
        "questions": summary.questions,
        **gain_columns(summary),
        "units": units.height,
        "units_in_top_k": summary.units_in_top_k,
        "recall_without": recall[0],
        "recall_with": recall[1],
    }


def found_by(bench: Workbench, trial: Trial, name: str) -> Artifact:
    """RETRIEVALS of the training questions by another retriever, as deep as training looks."""
    train = bench.questions(trial, "train").drop("golden_answers")
    deep = trial.with_(top_k=trial.settings.search_depth)
    hits = scored(bench, trial, train, build_retriever(bench, deep, name).find(train, None))
    rows = train.with_row_index("query").cast({"query": pl.Int32})
    frame = hits.join(rows, on="query", how="left", maintain_order="left").select(list(RETRIEVALS.schema))
    return bench.keep(trial, "retrievals", RETRIEVALS, (sha256_of_text(frame.write_json()),), lambda: frame)
