"""A corpus that is not indexed yet, as an estimate sees it: some of its passages, searched by the words in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrievers.asking import ask_for_passages
from wbrag_pipeline.retrievers.opening import open_retriever

MOST_SAMPLED = 1000  # the first so many
_MOST_ASKED, _DEPTH = 20, 20  # questions of a benchmark that a retriever is asked, and how deep


@contextmanager
def sampled_corpus(registry: Registry, corpus: str) -> Iterator[tuple[KnowledgeBase, pl.LazyFrame]]:
    """A knowledge base of the corpus' first passages, and these as PASSAGES, for as long as the block lasts."""
    passages, encoder = _some(registry, corpus), HashEncoder()
    with TemporaryDirectory() as name:
        folder = Path(name)
        passages.write_parquet(folder / "passages.parquet")
        vectors = encoder.encode_passages(passages["title"].to_list(), passages["text"].to_list())
        build_index(vectors, passages["passage_id"], folder / "index", encoder)
        base = KnowledgeBase(encoder, open_index(folder / "index", encoder), folder / "passages.parquet")
        yield base.unrestricted(), passages.lazy()


def _some(registry: Registry, corpus: str) -> pl.DataFrame:
    """The corpus' first passages; of a retriever, what it shows for a few of the questions."""
    entry = registry.corpus(corpus)
    if entry.retriever is None:
        return registry.passages(corpus, BadDocuments(), first=MOST_SAMPLED)
    splits = [registry.splits(benchmark) for benchmark in registry.benchmarks_of(corpus)]
    questions = [question for found in splits for question in found.train["question"].head(_MOST_ASKED)]
    asked = ask_for_passages(open_retriever(entry.retriever), corpus, questions, _DEPTH)
    return registry.forgotten.without_forgotten_passages(asked.passages, corpus).head(MOST_SAMPLED)
