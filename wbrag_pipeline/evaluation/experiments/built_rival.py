"""A rival that was built, and two ways to build one: entries in a second index, or units of other evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import polars as pl

from wbrag_pipeline.evaluation.experiments.artifact_cache import Artifact
from wbrag_pipeline.evaluation.experiments.built_retriever import megabytes
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.training.distillation import WritesUnits, distil
from wbrag_pipeline.training.scoring import select_passages


@dataclass(frozen=True)
class Rival:
    """A rival that was built.

    answer: SPLIT to ANSWERED. find: SPLIT to HITS, or whatever finding a question's passages or answer takes; timed.
    entries, tokens: what it keeps beside the corpus, tokens in the generator's vocabulary. megabytes: of vectors and
    other arrays that searching it takes. made: the tables whose making asked the generator. threshold: of likeness, or
    what else held-out questions chose. train_seconds, calls_a_question: as a BuiltRetriever has them.
    """

    answer: Callable[[pl.DataFrame], pl.DataFrame]
    find: Callable[[pl.DataFrame], pl.DataFrame]
    entries: int = 0
    tokens: int = 0
    megabytes: float = 0.0
    made: tuple[Artifact, ...] = ()
    threshold: float | None = None
    train_seconds: float | None = None
    calls_a_question: int = 0


def of_evidence(bench: Workbench, trial: Trial, evidence: Artifact, made: tuple[Artifact, ...]) -> Rival:
    """Units of other evidence (GATED_DOCS) than the gates retain, distilled, curated and published as units are.

    made: the tables that the evidence was made from, of which the calls are counted.
    """
    made = (*made, bench.units(trial, evidence), bench.curated(trial, evidence))
    return second_index(bench, trial, bench.published(trial, evidence), made)


def second_index(bench: Workbench, trial: Trial, entries: pl.DataFrame, made: tuple[Artifact, ...]) -> Rival:
    """Entries (KNOWLEDGE_UNITS) in the second index; made as for ``of_evidence``."""
    system = cache(lambda: bench.system(trial, entries))  # built once, when it is first searched
    return Rival(
        lambda asked: bench.answered(trial, asked, units=entries).read(),
        lambda asked: system().retrieve(asked["question"].to_list()),
        entries.height,
        int(entries["unit_tokens"].sum()),
        megabytes(bench, trial, entries.height),
        made,
    )


def written_entries(bench: Workbench, trial: Trial, evidence: pl.DataFrame, writer: WritesUnits) -> pl.DataFrame:
    """KNOWLEDGE_UNITS that the writer makes of evidence (GATED_DOCS)."""
    return distil(
        evidence,
        select_passages(bench.passages(trial), evidence),
        writer,
        benchmark=trial.benchmark,
        fuse_labels=trial.settings.fuse_labels,
        forgotten=bench.registry.forgotten,
    )


def plain_hits(bench: Workbench, trial: Trial, asked: pl.DataFrame) -> pl.DataFrame:
    """HITS of a SPLIT over the corpus alone."""
    return bench.system(trial).retrieve(asked["question"].to_list())
