"""A LlamaIndex query engine over both kinds of sources."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, QueryBundle

from tests.serving.adapters.conftest import QUESTION, SECRET, Opening
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.llamaindex import LlamaIndexRetriever


def test_a_node_says_where_it_comes_from_and_shows_the_model_its_title(opening: Opening) -> None:
    retriever = LlamaIndexRetriever(**opening(), similarity_top_k=1)
    found = retriever.retrieve("Velcro Swiss engineer")[0]
    assert (found.node.node_id, found.node.get_content()) == ("u1", "Velcro was the idea of a Swiss engineer.")
    expected = {"title": "U u1", "origin": "writeback", "sources": ["p1"], "wbrag_release": "r000001"}
    assert found.node.metadata == expected and found.score is not None and found.score > 0
    shown = found.node.get_content(MetadataMode.LLM)
    assert shown == "title: U u1\n\nVelcro was the idea of a Swiss engineer."
    assert asyncio.run(retriever.aretrieve(QueryBundle("Velcro Swiss engineer"))) == [found]


def test_labels_decide_what_is_retrieved(opening: Opening) -> None:
    for labels, sees in (((), False), (("finance",), False), (("hr",), True)):
        found = LlamaIndexRetriever(**opening(*labels), similarity_top_k=9).retrieve(SECRET)
        assert ("p3" in [each.node.node_id for each in found]) is sees
    with pytest.raises(InputError, match="field 'home or url'"):
        LlamaIndexRetriever()


def test_a_query_engine_answers_from_what_was_found(opening: Opening) -> None:
    """The mock model repeats its prompt, so the answer shows what it was given."""
    engine = RetrieverQueryEngine.from_args(LlamaIndexRetriever(**opening(), similarity_top_k=1), llm=MockLLM())
    for answer in (engine.query(QUESTION), asyncio.run(engine.aquery(QUESTION))):
        assert [each.node.node_id for each in answer.source_nodes] == ["p2"]
        assert "title: Zipper\n\nThe zipper was made by Gideon Sundback." in str(answer)
        assert "wbrag_release" not in str(answer)
