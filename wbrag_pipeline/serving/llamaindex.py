"""A LlamaIndex retriever over a home or over ``wbrag serve``; needs the extra ``llamaindex``.

::

    retriever = LlamaIndexRetriever(url="http://127.0.0.1:8080", token=token, similarity_top_k=4)
    retriever = LlamaIndexRetriever(home=".wbrag", benchmark="support", labels=["staff"])
    engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
"""

from __future__ import annotations

from typing import Any, Unpack

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.serving.passage_source import SourceOptions, passage_source
from wbrag_pipeline.serving.retrieved_passage import PassageSource, RetrievedPassage

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
    title of these. ``callback_manager``, ``object_map``, ``objects`` and ``verbose`` are LlamaIndex' own. All other
    arguments: see ``passage_source``; ``source`` is one that is open already, in their place.
    """

    def __init__(
        self,
        *,
        similarity_top_k: int | None = None,
        source: PassageSource | None = None,
        callback_manager: CallbackManager | None = None,
        object_map: dict[str, Any] | None = None,
        objects: list[Any] | None = None,
        verbose: bool = False,
        **where: Unpack[SourceOptions],
    ) -> None:
        super().__init__(callback_manager, object_map, objects, verbose)
        self.similarity_top_k = similarity_top_k
        self._source = passage_source(**where) if source is None else source

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
