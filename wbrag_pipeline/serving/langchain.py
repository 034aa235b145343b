"""A LangChain retriever over a home or over ``wbrag serve``; needs the extra ``langchain``.

::

    retriever = LangChainRetriever(url="http://127.0.0.1:8080", token=token, k=4)
    retriever = LangChainRetriever(home=".wbrag", benchmark="support", labels=["staff"])
    chain = {"context": retriever, "question": RunnablePassthrough()} | prompt | model
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.publishing.published_rows import passage_text
from wbrag_pipeline.serving.passage_source import SourcePlace, passage_source
from wbrag_pipeline.serving.retrieved_passage import SECONDS, RetrievedPassage

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ModuleNotFoundError as missing:
    raise MissingPartError("langchain-core", "pip install 'wbrag-pipeline[langchain]'") from missing


class LangChainRetriever(BaseRetriever):
    """Passages and knowledge units of a question as documents, best first.

    A document's text is title and text; its metadata holds ``title``, ``score``, ``origin``, ``sources`` and
    ``wbrag_release``. ``k`` may be given to ``invoke`` too. All other arguments: see ``passage_source``; ``source`` is
    one that is open already, in their place.
    """

    benchmark: str | None = None
    home: Path | None = None
    labels: list[str] | None = None
    url: str | None = None
    token: SecretStr | None = None
    timeout: float = SECONDS
    k: int | None = Field(None, ge=1)
    source: Any = Field(None, exclude=True, repr=False)

    def model_post_init(self, context: Any, /) -> None:
        """Open the source. It is a field, so what LangChain makes of this retriever's fields shares it."""
        if self.source is None:
            token = self.token.get_secret_value() if self.token else None
            self.source = passage_source(
                token=token, **{name: getattr(self, name) for name in SourcePlace.__annotations__}
            )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return [_document(found) for found in self.source.search(query, self.k if k is None else k)]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return [_document(found) for found in await self.source.asearch(query, self.k if k is None else k)]


def _document(found: RetrievedPassage) -> Document:
    metadata = {**found.metadata, "score": found.score}
    return Document(id=found.id, page_content=passage_text(found.title, found.text), metadata=metadata)
