"""The conformance suite over retrievers of every kind, and over ones that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.retrievers import own_retrievers
from tests.retrievers.shapes import URL, behind
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.retrieval.access import Principal
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrievers.opening import open_retriever
from wbrag_pipeline.testing import RetrieverConformance
from wbrag_pipeline.testing.retriever_conformance import by_words


class TestLangChain(RetrieverConformance):
    def make(self) -> Any:
        return own_retrievers.langchain()


class TestLlamaIndex(RetrieverConformance):
    def make(self) -> Any:
        return open_retriever(RetrieverEntry(entry_point="tests.retrievers.own_retrievers:llamaindex"))


class TestHaystack(RetrieverConformance):
    def make(self) -> Any:
        return own_retrievers.haystack()


class TestOwn(RetrieverConformance):
    def make(self) -> Any:
        return own_retrievers.Own()


class TestSearchR1(RetrieverConformance):
    def make(self) -> Any:
        def answer(request: httpx.Request, body: Any) -> httpx.Response:
            found = [[_document(hit) for hit in by_words(query)[: body["topk"]]] for query in body["queries"]]
            return httpx.Response(200, json={"result": found})

        return behind(answer)


class TestOpenAI(RetrieverConformance):
    has_ids = False

    def make(self) -> Any:
        def answer(request: httpx.Request, body: Any) -> httpx.Response:
            return httpx.Response(
                200, json={"data": [_result(hit) for hit in by_words(body["query"])[: body["max_num_results"]]]}
            )

        return behind(answer, RetrieverEntry(URL, "openai", ids="text"))


def _document(hit: PassageHit) -> dict[str, Any]:
    document = {"id": hit.id, "contents": f'"{hit.title}"\n{hit.text}', **hit.metadata}
    return {"document": document, "score": hit.score}


def _result(hit: PassageHit) -> dict[str, Any]:
    attributes = {name: "; ".join(labels) for name, labels in hit.metadata.items() if isinstance(labels, list)}
    content = [{"type": "text", "text": hit.text}]
    return {"file_id": hit.id, "filename": hit.title, "score": hit.score, "attributes": attributes, "content": content}


class Wrong(own_retrievers.Own):
    """Its own retriever, with what it finds changed by ``change``."""

    def __init__(self, change: Any) -> None:
        self.change, self.calls = change, 0

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> Any:
        self.calls += 1
        return self.change(self, super().search(queries, top_k, principal=principal), top_k)


def each(change: Any) -> Any:
    return lambda own, found, k: [[change(hit) for hit in hits] for hits in found]


WRONG = {
    "a distance as a score": each(lambda hit: replace(hit, score=1 - (hit.score or 0))),
    "texts cut short": each(lambda hit: replace(hit, text=hit.text[:20])),
    "labels lost": each(lambda hit: replace(hit, metadata={})),
    "labels that nobody reads": each(lambda hit: replace(hit, metadata={"acl": ["hr"]})),
    "one id for all": each(lambda hit: replace(hit, id="1")),
    "the worst first": lambda own, found, k: [hits[::-1] for hits in found],
    "one list too few": lambda own, found, k: found[1:],
    "more than K": lambda own, found, k: [[*hits, *hits] for hits in found],
    "another order each time": lambda own, found, k: [hits[::-1] if own.calls % 2 else hits for hits in found],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_retriever_that_is_wrong_fails_a_check(name: str) -> None:
    class Suite(RetrieverConformance):
        def make(self) -> Any:
            return Wrong(WRONG[name])

    failed = []
    for check in (check for check in dir(Suite) if check.startswith("test_")):
        try:
            getattr(Suite(), check)()
        except AssertionError as error:
            failed.append((check, str(error)))
    assert failed
