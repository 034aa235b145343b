"""The knowledge base of a corpus, whichever it is: over its index, or over a retriever of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.corpus import open_knowledge_base
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocols import Encoder, Retriever
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages
from wbrag_pipeline.retrievers.opening import open_retriever, refuse_search
from wbrag_pipeline.retrievers.recorded import RecordedRetriever, rows_with_passages
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import locked


def open_base(settings: Settings, corpus: str, encoder: Encoder, *, for_training: bool = False) -> KnowledgeBase:
    """The corpus alone, as it is served; ``with_writeback`` adds units.

    for_training: work on what was stored: the table that the index was made from, and of a retriever what it showed
        when it was asked last. Otherwise a retriever is asked whenever something is searched.

    Raises NotBuiltError before the corpus was indexed or the retriever asked, IntegrityError when what is stored is not
    of one making, InputError where a retriever is to be searched by words, and as ``open_retriever``.
    """
    registry = Registry.load(settings.home)
    entry = registry.corpora.get(corpus)
    if entry is None or entry.retriever is None:
        return open_knowledge_base(settings, corpus, encoder, for_training=for_training)
    refuse_search(settings.search, corpus)
    base = open_knowledge_base(settings, corpus, encoder, for_training=for_training)
    retriever = open_retriever(entry.retriever)
    less = partial(registry.forgotten.without_forgotten_passages, corpus=corpus)
    if for_training:
        retriever = _recorded(settings, corpus, retriever, less)
    return base.shown_by(retriever, corpus, less)


def _recorded(
    settings: Settings, corpus: str, live: Retriever, less: Callable[[pl.DataFrame], pl.DataFrame]
) -> Retriever:
    file = settings.table("shown", corpus)
    if not file.is_file():
        raise NotBuiltError(f"what the retriever {corpus} shows", f"wbrag refresh {corpus}")
    shown, passages = tables.SHOWN.read(file), tables.PASSAGES.load(settings, corpus)
    lost = shown.drop_nulls("passage_id").join(passages, on="passage_id", how="anti")
    if lost.height:  # a run was killed between the two tables
        raise IntegrityError(file, f"names passages that are not stored; ask again with: wbrag refresh {corpus}")

    def keep(asked: ShownPassages) -> pl.DataFrame:
        rows = rows_with_passages(asked.shown, less(asked.passages))
        with locked(settings.table("shown_later", corpus).parent):
            before = _shown_later(settings, corpus)
            others = before.join(rows, on="question", how="anti", maintain_order="left")
            tables.SHOWN_LATER.store(pl.concat([others, rows]), settings, corpus)
        return rows

    known = pl.concat([rows_with_passages(shown, passages), _shown_later(settings, corpus)])
    return RecordedRetriever(known, live, keep)


def _shown_later(settings: Settings, corpus: str) -> pl.DataFrame:
    file = settings.table("shown_later", corpus)
    return tables.SHOWN_LATER.read(file) if file.is_file() else tables.SHOWN_LATER.empty()
