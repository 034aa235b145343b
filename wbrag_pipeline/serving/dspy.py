"""A DSPy retriever over a home or over ``wbrag serve``; needs the extra ``dspy``.

::

    retrieve = DSPyRetriever(url="http://127.0.0.1:8080", token=token, k=4)
    retrieve = DSPyRetriever(home=".wbrag", benchmark="support", labels=["staff"])
    answer(context=retrieve(question).passages, question=question)
"""

from __future__ import annotations

from typing import Unpack

from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.publishing.published_rows import passage_text
from wbrag_pipeline.serving.passage_source import SourceOptions, passage_source
from wbrag_pipeline.serving.retrieved_passage import PassageSource, RetrievedPassage

try:
    import dspy
except ModuleNotFoundError as missing:
    raise MissingPartError("dspy", "pip install 'wbrag-pipeline[dspy]'") from missing


class DSPyRetriever(dspy.Module):
    """A module that gives the passages and knowledge units of a question, best first, as a ``Prediction``.

    Its ``passages`` are texts, title and text each; ``ids``, ``scores``, ``origins`` and ``sources`` are lists beside
    them. ``k`` may be given to a call too. All other arguments: see ``passage_source``; ``source`` is one that is open
    already, in their place.
    """

    def __init__(
        self, *, k: int | None = None, source: PassageSource | None = None, **where: Unpack[SourceOptions]
    ) -> None:
        super().__init__()
        self.k = k
        self._source = passage_source(**where) if source is None else source

    def forward(self, query: str, k: int | None = None) -> dspy.Prediction:
        """Search."""
        return _prediction(self._source.search(query, self.k if k is None else k))

    async def aforward(self, query: str, k: int | None = None) -> dspy.Prediction:
        """The same without holding up the event loop, by ``acall``."""
        return _prediction(await self._source.asearch(query, self.k if k is None else k))


def _prediction(found: list[RetrievedPassage]) -> dspy.Prediction:
    return dspy.Prediction(
        passages=[passage_text(each.title, each.text) for each in found],
        ids=[each.id for each in found],
        scores=[each.score for each in found],
        origins=[each.origin for each in found],
        sources=[each.sources for each in found],
    )
