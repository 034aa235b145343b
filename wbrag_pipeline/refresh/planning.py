"""What a refresh would do, found out without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.refresh.corpus_stages import corpus_changes
from wbrag_pipeline.refresh.retiring import damaged_releases, decisions_due
from wbrag_pipeline.refresh.retriever_source import passages_shown_now
from wbrag_pipeline.retrieval.passage_changes import counts, refuse_mass_deletion
from wbrag_pipeline.settings import Settings


@dataclass(frozen=True)
class Plan:
    """CORPUS_CHANGES with their counts, and RETIRED_UNITS.

    refused: why it would not be done, else empty.
    damaged: what is wrong with served releases that would be passed over. bad: documents that would be left out.
    """

    counts: dict[str, int]
    changes: pl.DataFrame
    retired: pl.DataFrame
    refused: str
    damaged: list[str]
    bad: BadDocuments


def plan_refresh(settings: Settings, registry: Registry, corpus: str) -> Plan:
    """Read a corpus' source and compare it with what is served. Raises InputError for a source that cannot be taken."""
    bad = BadDocuments(skip=settings.skip_bad)
    entry = registry.corpus(corpus)
    after = (
        passages_shown_now(settings, registry, entry, bad).passages
        if entry.retriever
        else registry.passages(corpus, bad)
    )
    changes = corpus_changes(settings, corpus, after.lazy())
    refused = ""
    try:
        refuse_mass_deletion(settings.table("passages", corpus), after.lazy(), corpus)
    except InputError as error:
        refused = str(error)
    benchmarks = registry.benchmarks_of(corpus)
    retired = decisions_due(settings, benchmarks, after.lazy())
    damaged = damaged_releases(settings, benchmarks)
    return Plan(counts(changes, after.height), changes, retired, refused, damaged, bad)
