"""A Haystack component over a home or over ``wbrag serve``; needs the extra ``haystack``.

::

    retriever = HaystackRetriever(url="http://127.0.0.1:8080", token=Secret.from_env_var("WBRAG_TOKEN"), top_k=4)
    retriever = HaystackRetriever(home=".wbrag", benchmark="support", labels=["staff"])
    pipeline.add_component("retriever", retriever)
"""

from __future__ import annotations

import inspect
from typing import Any, Unpack

from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.publishing.published_rows import passage_text
from wbrag_pipeline.serving.passage_source import SourcePlace, passage_source
from wbrag_pipeline.serving.retrieved_passage import PassageSource, RetrievedPassage

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.utils import Secret
except ModuleNotFoundError as missing:
    raise MissingPartError("haystack-ai", "pip install 'wbrag-pipeline[haystack]'") from missing


@component
class HaystackRetriever:
    """Passages and knowledge units of a question as documents, best first.

    A document's content is title and text; its meta holds ``title``, ``origin``, ``sources`` and ``wbrag_release``.
    The source is opened by ``warm_up``, or by the first run. All arguments but ``top_k``: see ``passage_source``;
    ``source`` is one that is open already, in their place, and such a component is not written to a file.

    Raises InputError for arguments that do not go together when it is opened.
    """

    def __init__(
        self,
        *,
        token: Secret | None = None,
        top_k: int | None = None,
        source: PassageSource | None = None,
        **place: Unpack[SourcePlace],
    ) -> None:
        if token is not None and not hasattr(token, "resolve_value"):
            hint = "write Secret.from_env_var(…), or Secret.from_token(…)"
            raise InputError("is no Secret", field="token", hint=hint)
        inspect.signature(passage_source).bind(**place)  # a misspelt one is refused now, and not when it is opened
        # As a file can hold them.
        if (home := place.get("home")) is not None:
            place["home"] = str(home)
        if (labels := place.get("labels")) is not None:
            place["labels"] = [labels] if isinstance(labels, str) else sorted(labels)
        self.token, self.top_k, self._place = token, top_k, place
        self._given = self._source = source

    def warm_up(self) -> None:
        """Open the source; once."""
        if self._source is None:
            token = self.token.resolve_value() if self.token else None
            self._source = passage_source(token=token, **self._place)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Search. filters: there are none; anything but an empty one is refused, and not ignored."""
        _refuse(filters)
        found = self._opened().search(query, self.top_k if top_k is None else top_k)
        return {"documents": [_document(each) for each in found]}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The same without holding up the event loop."""
        _refuse(filters)
        found = await self._opened().asearch(query, self.top_k if top_k is None else top_k)
        return {"documents": [_document(each) for each in found]}

    def to_dict(self) -> dict[str, Any]:
        """The component for a file of a pipeline. Raises InputError where its source was given to it open."""
        if self._given is not None:
            hint = "give home or url in its place"
            raise InputError("an open source cannot be written to a file", field="source", hint=hint)
        token = self.token.to_dict() if self.token else None
        return default_to_dict(self, **self._place, token=token, top_k=self.top_k)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> HaystackRetriever:
        """The component that ``to_dict`` wrote."""
        given = data.get("init_parameters", {})
        if isinstance(given.get("token"), dict):
            given = {**given, "token": Secret.from_dict(given["token"])}
        return default_from_dict(cls, {**data, "init_parameters": given})

    def _opened(self) -> PassageSource:
        self.warm_up()
        assert self._source is not None
        return self._source


def _refuse(filters: dict[str, Any] | None) -> None:
    if filters:
        hint = "what a reader may see is decided by labels, or by the token"
        raise InputError("filters are not supported", field="filters", hint=hint)


def _document(found: RetrievedPassage) -> Document:
    content = passage_text(found.title, found.text)
    return Document(id=found.id, content=content, meta=found.metadata, score=found.score)
