"""A corpus' index as a deployment keeps it: made from the stored table, opened for searching."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.retrieval.embedding_store import embed_passages
from wbrag_pipeline.retrieval.index import Manifest, build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.protocol import Encoder
from wbrag_pipeline.settings import Settings


def build_corpus_index(settings: Settings, corpus: str, encoder: Encoder) -> tuple[Manifest, int]:
    """Index the stored passages of ``corpus``; gives the index' manifest and how many passages had to be encoded."""
    table = settings.table("passages", corpus)
    embeddings = embed_passages(table, settings.embeddings, encoder)
    ids = pl.read_parquet(table, columns=["passage_id"])["passage_id"]
    return build_index(embeddings, ids, settings.corpus_index(corpus), encoder), embeddings.encoded


def open_knowledge_base(settings: Settings, corpus: str, encoder: Encoder) -> KnowledgeBase:
    """The corpus alone; ``with_writeback`` adds units. Raises NotBuiltError before the corpus was indexed."""
    return KnowledgeBase(
        encoder, open_index(settings.corpus_index(corpus), encoder), settings.table("passages", corpus)
    )
