"""A LlamaIndex retriever over a home or over ``wbrag serve``; needs the extra ``llamaindex``.

::

    retriever = LlamaIndexRetriever(url="http://127.0.0.1:8080", token=token, similarity_top_k=4)
    retriever = LlamaIndexRetriever(home=".wbrag", benchmark="support", labels=["staff"])
    engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.serving.passage_source import SECONDS, PassageSource, RetrievedPassage, passage_source

try:
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ModuleNotFoundError as missing:
    raise MissingPartError("llama-index-core", "pip install 'wbrag-pipeline[llamaindex]'") from missing

# What a language model is not shown; the title it is.
_FOR_PROGRAMS = ["origin", "sources", "wbrag_release"]


class LlamaIndexRetriever(BaseRetriever):
    """Passages and knowledge units of a question as nodes with scores, best first.

    A node's metadata holds ``title``, ``origin``, ``sources`` and ``wbrag_release``; a language model is shown the
    title of these. All arguments but ``similarity_top_k`` and ``callback_manager``: see ``passage_source``; ``source``
    is one that is open already, in their place.
    """

    def __init__(
        self,
        *,
        benchmark: str | None = None,
        home: str | Path | None = None,
        labels: Collection[str] | None = None,
        url: str | None = None,
        token: str | None = None,
        timeout: float = SECONDS,
        similarity_top_k: int | None = None,
        source: PassageSource | None = None,
        callback_manager: CallbackManager | None = None,
        **more: Any,
    ) -> None:
        super().__init__(callback_manager=callback_manager, **more)
        self.similarity_top_k = similarity_top_k
        if source is None:
            source = passage_source(
                benchmark=benchmark, home=home, labels=labels, url=url, token=token, timeout=timeout
            )
        self._source = source

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(found) for found in self._source.search(query_bundle.query_str, self.similarity_top_k)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(found) for found in await self._source.asearch(query_bundle.query_str, self.similarity_top_k)]


def _node(found: RetrievedPassage) -> NodeWithScore:
    node = TextNode(
        id_=found.id,
        text=found.text,
        metadata=found.metadata,
        excluded_llm_metadata_keys=_FOR_PROGRAMS,
        excluded_embed_metadata_keys=_FOR_PROGRAMS,
    )
    return NodeWithScore(node=node, score=found.score)
