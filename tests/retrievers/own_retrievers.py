"""Factories as a user writes them, with the real libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wbrag_pipeline.retrieval.access import Principal, Unrestricted
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.testing.retriever_conformance import TRIAL_PASSAGES, by_words

Row = tuple[str, str, str, Any]
FACTS: list[Row] = [(one.id, one.title, one.text, one.metadata.get("labels", [])) for one in TRIAL_PASSAGES]


def langchain() -> Any:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Words(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [
                Document(id=found.id, page_content=found.text, metadata={"title": found.title, **found.metadata})
                for found in by_words(query)
            ]

    return Words()


def langchain_store(rows: Sequence[Row] = FACTS) -> Any:
    """A vector store's retriever, whose own k is 4."""
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import InMemoryVectorStore

    from wbrag_pipeline.retrieval.hash_encoder import HashEncoder

    class Hashed(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return HashEncoder().encode_passages([""] * len(texts), texts).tolist()  # type: ignore[no-any-return]

        def embed_query(self, text: str) -> list[float]:
            return HashEncoder().encode_queries([text])[0].tolist()  # type: ignore[no-any-return]

    store = InMemoryVectorStore(Hashed())
    documents = [
        Document(id=name, page_content=text, metadata={"title": title, "labels": labels})
        for name, title, text, labels in rows
    ]
    store.add_documents(documents)
    return store.as_retriever()


def llamaindex(top_k: int) -> Any:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class Words(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            found = by_words(query_bundle.query_str)[:top_k]
            return [
                NodeWithScore(
                    node=TextNode(id_=one.id, text=one.text, metadata={"title": one.title, **one.metadata}),
                    score=one.score,
                )
                for one in found
            ]

    return Words()


def haystack() -> Any:
    from haystack import Document
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore()
    store.write_documents(
        [Document(id=i, content=text, meta={"title": title, "labels": labels}) for i, title, text, labels in FACTS]
    )
    return InMemoryBM25Retriever(store)


class Own:
    """This package's own protocol; it leaves out itself what the reader may not see."""

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        def sees(found: PassageHit) -> bool:
            labels: Any = found.metadata.get("labels", [])
            return isinstance(principal, Unrestricted) or set(labels) <= principal

        return [[found for found in by_words(query) if sees(found)][:top_k] for query in queries]

    def fetch(self, ids: Sequence[str]) -> list[PassageHit]:
        return [passage for passage in TRIAL_PASSAGES if passage.id in ids]


class OwnWithoutIds:
    """The same without ids to ask by."""

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> list[list[PassageHit]]:
        return Own().search(queries, top_k, principal=principal)


def no_retriever() -> object:
    return object()


def broken() -> object:
    raise OSError("the index is not there")


not_callable = 3
