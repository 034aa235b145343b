"""The stages of a corpus, put together once: its table, what changed, its index, and the units that lost their sources.

::

    source files ─▶ passages ─▶ corpus_changes ─▶ corpus index ─▶ retired_units

The Dagster assets call the stages one by one; ``refresh_corpus`` does them in order, for the Python API, tests and the
speed measurements.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.refresh.retirement_log import commit_decisions, note_decisions
from wbrag_pipeline.refresh.retiring import decisions_due, record_releases, retire, served_releases
from wbrag_pipeline.refresh.retriever_source import passages_shown_now
from wbrag_pipeline.remote.pushing import push_served
from wbrag_pipeline.retrieval.corpus import (
    build_corpus_index,
    committed_state,
    current_state,
    is_in_step,
)
from wbrag_pipeline.retrieval.corpus_source import note_source, noted_documents, source_fingerprint
from wbrag_pipeline.retrieval.passage_changes import changes_between, counts, refuse_mass_deletion
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrievers.asking import shown_fingerprint, was_asked
from wbrag_pipeline.retrievers.opening import refuse_search
from wbrag_pipeline.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: CORPUS_CHANGES, RETIRED_UNITS, and how many passages were encoded."""

    changes: pl.DataFrame
    retired: pl.DataFrame
    encoded: int


def read_passages(
    settings: Settings,
    registry: Registry,
    corpus: str,
    bad: BadDocuments | None = None,
    *,
    allow_deletions: bool = False,
) -> pl.DataFrame:
    """The corpus' source as PASSAGES, less what was forgotten; which source it was is noted.

    A retriever is asked anew for all that training and evaluation read of it; SHOWN is stored beside.

    bad: takes note of documents and rows that are left out; None goes by the setting ``skip_bad``. What was left out
    and was there before is gone, and counts as deleted: its old text and its old labels may both be wrong by now.

    Raises InputError for a source that cannot be taken, a retriever that is to be searched by words, or when most of
    the corpus is gone, unless ``allow_deletions``.
    """
    source, bad = registry.corpus(corpus), bad or BadDocuments(skip=settings.skip_bad)
    if source.retriever is not None:
        refuse_search(settings.search, corpus)
        shown = passages_shown_now(settings, registry, source, bad)
        if not allow_deletions:
            refuse_mass_deletion(settings.table("passages", corpus), shown.passages.lazy(), corpus)
        settings.table("shown_later", corpus).unlink(missing_ok=True)  # of the state before
        tables.SHOWN.store(shown.shown, settings, corpus)
        note_source(settings, corpus, shown_fingerprint(settings, source), shown.passages)
        return shown.passages
    # Taken before the file is read: should it change meanwhile, the next run will see that.
    fingerprint, documents = source_fingerprint(source), noted_documents(settings, corpus)
    frame = registry.passages(corpus, bad, documents=documents)
    if not allow_deletions:
        refuse_mass_deletion(settings.table("passages", corpus), frame.lazy(), corpus)
    note_source(settings, corpus, fingerprint, frame, documents.now)
    return frame


def is_fresh(settings: Settings, registry: Registry, corpus: str) -> bool:
    """Whether table, index and units are in step with each other and with the corpus' files as they are now.

    Of a retriever: with what it showed when it was asked last, if all that the settings need was asked then. What it
    would show now is not known before it is asked again.
    """
    entry = registry.corpus(corpus)
    if entry.retriever is None:
        return is_in_step(settings, corpus, source_fingerprint(entry))
    return is_in_step(settings, corpus, shown_fingerprint(settings, entry)) and was_asked(settings, registry, corpus)


def corpus_changes(settings: Settings, corpus: str, passages: pl.LazyFrame) -> pl.DataFrame:
    """PASSAGES to CORPUS_CHANGES: the difference to the state that the units were last brought in step with."""
    before = committed_state(settings, corpus)
    stored = pl.scan_parquet(before.passages) if before else tables.PASSAGES.empty().lazy()
    return changes_between(stored, passages)


def retire_units(
    settings: Settings, registry: Registry, corpus: str, changes: pl.DataFrame, encoder: Encoder, run: str
) -> pl.DataFrame:
    """CORPUS_CHANGES to RETIRED_UNITS: takes units without valid sources out of what is served, before any training.

    The last stage of a refresh: only then is the corpus' state committed, so what was cut short is done again. With a
    remote it is served from there then. Raises NotBuiltError before the corpus was indexed, and as ``push_served``.
    """
    before, now = committed_state(settings, corpus), current_state(settings, corpus)
    if now is None:
        raise NotBuiltError(f"the index of corpus {corpus}", f"wbrag refresh {corpus}")
    passages, benchmarks = pl.scan_parquet(now.passages), registry.benchmarks_of(corpus)
    frame = note_decisions(settings, corpus, benchmarks, decisions_due(settings, benchmarks, passages))
    retire(settings, benchmarks, passages, encoder, actor=f"run {run}")
    if changes.height or frame.height or before is None:
        lineage = Lineage(settings.layout.lineage)
        record_releases(lineage, settings, benchmarks, run)
        lineage.record_refresh(
            run,
            settings.variant,
            corpus,
            from_state=before.name if before else None,
            to_state=now.name,
            counts=counts(changes, passages.select(pl.len()).collect().item()),
            changes=changes,
            retired=frame,
        )
    commit_decisions(settings, corpus, frame)
    served = [(benchmark, folder) for _, benchmark, folder in served_releases(settings, benchmarks)]
    push_served(settings, registry, corpus, served)
    return frame


def refresh_corpus(
    settings: Settings,
    registry: Registry,
    corpus: str,
    encoder: Encoder,
    *,
    run: str,
    allow_deletions: bool = False,
) -> Refreshed:
    """All stages of a corpus in order, each table stored in the home. Raises as the stages."""
    bad = BadDocuments(skip=settings.skip_bad)
    # Stored at once: all texts are in memory only until then.
    tables.PASSAGES.store(
        read_passages(settings, registry, corpus, bad, allow_deletions=allow_deletions), settings, corpus
    )
    for line in bad.lines():
        _log.warning("corpus %s: %s", corpus, line)
    changes = corpus_changes(settings, corpus, tables.PASSAGES.load_lazily(settings, corpus))
    tables.CORPUS_CHANGES.store(changes, settings, corpus)
    _, encoded = build_corpus_index(settings, corpus, encoder)
    return Refreshed(changes, retire_units(settings, registry, corpus, changes, encoder, run), encoded)
