"""LangChain's own tests of retrievers, and a chain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from tests.serving.adapters.conftest import QUESTION, SECRET, Opening
from tests.serving.web import Running, Towns
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.home_passages import HomePassages
from wbrag_pipeline.serving.langchain import LangChainRetriever


class OwnTests(RetrieversIntegrationTests):
    """The tests that ``langchain-tests`` has for every retriever."""

    params: dict[str, Any]

    @property
    def retriever_constructor(self) -> type[LangChainRetriever]:
        return LangChainRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return self.params

    @property
    def retriever_query_example(self) -> str:
        return QUESTION


@pytest.mark.anyio
class TestOverAServer(OwnTests):
    @pytest.fixture(autouse=True)
    def _served(self, server: Running) -> None:
        self.params = {"url": server.url}

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"


@pytest.mark.anyio
class TestOverAHome(OwnTests):
    @pytest.fixture(autouse=True)
    def _opened(self, towns: Towns) -> None:
        self.params = {"source": HomePassages(towns.retriever("b"), labels=[])}

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"


def test_a_document_says_where_it_comes_from(opening: Opening) -> None:
    retriever = LangChainRetriever(**opening(), k=1)
    unit = retriever.invoke("Velcro Swiss engineer")[0]
    score = unit.metadata.pop("score")
    assert unit == Document(
        id="u1",
        page_content="U u1\nVelcro was the idea of a Swiss engineer.",
        metadata={"title": "U u1", "origin": "writeback", "sources": ["p1"], "wbrag_release": "r000001"},
    )
    assert 0 < score <= 1.001
    assert asyncio.run(retriever.ainvoke("Velcro Swiss engineer"))[0].id == "u1"


def test_labels_decide_what_a_chain_is_given(opening: Opening) -> None:
    for labels, sees in (((), False), (("finance",), False), (("hr",), True)):
        found = LangChainRetriever(**opening(*labels), k=9).batch([SECRET, QUESTION])[0]
        assert ("p3" in [document.id for document in found]) is sees


def test_a_chain_answers_from_what_was_found(opening: Opening) -> None:
    prompts: list[str] = []

    def seen(prompt: Any) -> Any:
        prompts.append(prompt.to_string())
        return prompt

    def joined(documents: list[Document]) -> str:
        return "\n\n".join(document.page_content for document in documents)

    chain = (
        {"context": LangChainRetriever(**opening(), k=1) | joined, "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{context}\n\nQuestion: {question}")
        | RunnableLambda(seen)
        | FakeListChatModel(responses=["Gideon Sundback"])
    )
    assert chain.invoke(QUESTION).content == "Gideon Sundback"
    assert asyncio.run(chain.ainvoke(QUESTION)).content == "Gideon Sundback"
    expected = f"Human: Zipper\nThe zipper was made by Gideon Sundback.\n\nQuestion: {QUESTION}"
    assert prompts == [expected, expected]


def test_a_retriever_with_another_k_shares_the_source(opening: Opening) -> None:
    retriever = LangChainRetriever(**opening(), k=1)
    chosen = retriever.configurable_fields(k=ConfigurableField(id="k"))
    assert [len(chosen.with_config(configurable={"k": k}).invoke(QUESTION)) for k in (1, 3)] == [1, 3]
    assert retriever.model_copy(update={"k": 2}).source is retriever.source
    assert "source" not in retriever.model_dump()


def test_wrong_arguments_are_refused(server: Running) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        LangChainRetriever(url=server.url, k=0)
    with pytest.raises(ValueError, match="1 or more"):
        LangChainRetriever(url=server.url).invoke(QUESTION, k=0)
    with pytest.raises(InputError, match="field 'home or url'"):
        LangChainRetriever()
    assert "secret" not in repr(LangChainRetriever(url=server.url, token="secret"))
