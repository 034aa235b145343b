"""A retriever of the user's own as the source of a corpus: its passages are those that it shows now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError
from wbrag_pipeline.refresh.retiring import served_releases
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.retrieval.protocols import Retriever
from wbrag_pipeline.retrieval.retriever_hits import ShownPassages
from wbrag_pipeline.retrievers.asking import ask_for_passages, depth_to_ask, fetched, questions_to_ask, told_of
from wbrag_pipeline.retrievers.opening import open_retriever
from wbrag_pipeline.settings import Settings


def passages_shown_now(settings: Settings, registry: Registry, corpus: Corpus, bad: BadDocuments) -> ShownPassages:
    """Ask a retriever for all that the benchmarks over it need, and for the sources of the units that are served.

    Sources are asked for by their ids where the retriever can be asked so, else by the questions that the units were
    made for. What was forgotten is left out, whatever the retriever shows.

    bad: takes note of what was shown and cannot be taken.

    Raises InputError where there is nothing to ask, or what came cannot be used; RetrieverError where it cannot be had.
    """
    if corpus.retriever is None:
        raise ValueError(f"{corpus.name} is no retriever")
    units = _served_units(settings, registry.benchmarks_of(corpus.name))
    questions = questions_to_ask(settings, registry, corpus.name, units["question"].to_list())
    if not questions:
        hint = f"wbrag add benchmark NAME --corpus {corpus.name} --train FILE …"
        raise InputError(f"no question is known to ask the retriever {corpus.name!r}", field="corpus", hint=hint)
    retriever = open_retriever(corpus.retriever)
    asked = ask_for_passages(retriever, corpus.name, questions, depth_to_ask(settings, corpus.name))
    bad.notes += told_of(asked)
    passages = pl.concat([asked.passages, _sources(retriever, units, asked.passages)])
    passages = registry.forgotten.without_forgotten_passages(passages, corpus.name)
    return ShownPassages(_among(asked.shown, passages), tables.PASSAGES.check(passages), asked.left_out)


def _served_units(settings: Settings, benchmarks: Sequence[str]) -> pl.DataFrame:
    """KNOWLEDGE_UNITS of all that is served of these benchmarks; a damaged release has none."""
    parts = [tables.KNOWLEDGE_UNITS.empty()]
    for _, _, folder in served_releases(settings, benchmarks):
        with suppress(NotBuiltError, IntegrityError):
            parts.append(current(folder).units())
    return pl.concat(parts)


def _sources(retriever: Retriever, units: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """PASSAGES of the units' sources that no question shows any more, and that are still there."""
    wanted = units["source_passage_ids"].explode().drop_nulls().unique().sort()
    return fetched(retriever, wanted.filter(~wanted.is_in(shown["passage_id"].implode())).to_list())


def _among(shown: pl.DataFrame, passages: pl.DataFrame) -> pl.DataFrame:
    """SHOWN without other passages than these; a question that has none left found nothing."""
    left = shown.join(passages.select("passage_id"), on="passage_id", how="semi", maintain_order="left")
    nothing = shown.join(left, on="question", how="anti", maintain_order="left").unique("question", maintain_order=True)
    empty = nothing.with_columns(
        rank=pl.lit(0, pl.Int32), passage_id=pl.lit(None, pl.String), score=pl.lit(None, pl.Float32)
    )
    return tables.SHOWN.check(pl.concat([left, empty.select(left.columns)]))
