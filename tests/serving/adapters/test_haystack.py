"""A Haystack pipeline over both kinds of sources, and the component in a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.utils import Secret

from tests.serving.adapters.conftest import QUESTION, SECRET, Opening
from tests.serving.web import Running, Towns
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.serving.haystack import HaystackRetriever
from wbrag_pipeline.serving.passage_source import PassageSource

PROMPT = "{% for document in documents %}{{ document.content }}\n{% endfor %}Question: {{ question }}"


def component(opening: Opening, *labels: str, top_k: int | None = None) -> HaystackRetriever:
    given = opening(*labels)
    if token := given.get("token"):
        given["token"] = Secret.from_token(token)
    return HaystackRetriever(**given, top_k=top_k)


def test_a_document_says_where_it_comes_from(opening: Opening) -> None:
    retriever = component(opening, top_k=1)
    found = retriever.run("Velcro Swiss engineer")["documents"]
    assert [(each.id, each.content) for each in found] == [("u1", "U u1\nVelcro was the idea of a Swiss engineer.")]
    expected = {"title": "U u1", "origin": "writeback", "sources": ["p1"], "wbrag_release": "r000001"}
    assert found[0].meta == expected and found[0].score is not None and found[0].score > 0
    assert asyncio.run(retriever.run_async("Velcro Swiss engineer"))["documents"] == found
    assert len(retriever.run(QUESTION, top_k=3)["documents"]) == 3


def test_labels_decide_what_is_retrieved(opening: Opening) -> None:
    for labels, sees in (((), False), (("finance",), False), (("hr",), True)):
        found = component(opening, *labels, top_k=9).run(SECRET)["documents"]
        assert ("p3" in [each.id for each in found]) is sees


def test_filters_are_refused_and_not_ignored(in_process: PassageSource) -> None:
    retriever = HaystackRetriever(source=in_process)
    filters = {"field": "meta.origin", "operator": "==", "value": "corpus"}
    with pytest.raises(InputError, match="field 'filters'"):
        retriever.run(QUESTION, filters=filters)
    with pytest.raises(InputError, match="field 'filters'"):
        asyncio.run(retriever.run_async(QUESTION, filters=filters))
    assert retriever.run(QUESTION, filters={})["documents"]


def test_a_pipeline_builds_its_prompt_from_what_was_found(opening: Opening) -> None:
    pipeline = Pipeline()
    pipeline.add_component("retriever", component(opening, top_k=1))
    pipeline.add_component("prompt", PromptBuilder(template=PROMPT, required_variables="*"))
    pipeline.connect("retriever.documents", "prompt.documents")
    asked = {"retriever": {"query": QUESTION}, "prompt": {"question": QUESTION}}
    expected = f"Zipper\nThe zipper was made by Gideon Sundback.\nQuestion: {QUESTION}"
    assert pipeline.run(asked)["prompt"]["prompt"] == expected
    assert asyncio.run(pipeline.run_async(asked))["prompt"]["prompt"] == expected


def test_a_pipeline_in_a_file_holds_no_token(towns: Towns, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_TOKEN", towns.token("hr"))
    pipeline = Pipeline()
    pipeline.add_component(
        "retriever", HaystackRetriever(url=server.url, token=Secret.from_env_var("KB_TOKEN"), top_k=9, timeout=20.0)
    )
    written = pipeline.dumps()
    assert "wbrag_" not in written.replace("wbrag_pipeline", "") and "KB_TOKEN" in written
    again = Pipeline.loads(written, allowed_modules=["wbrag_pipeline.serving.haystack"])
    assert again.dumps() == written
    found: list[Document] = again.run({"retriever": {"query": SECRET}})["retriever"]["documents"]
    assert "p3" in [each.id for each in found]


def test_a_home_in_a_file_is_opened_when_the_pipeline_runs(wbrag_home: Path) -> None:
    written = HaystackRetriever(home=wbrag_home, benchmark="b", labels={"hr", "a"}, top_k=1).to_dict()
    assert written["init_parameters"]["labels"] == ["a", "hr"]  # nothing is there yet, and nothing was opened
    Towns(wbrag_home, load_encoder())
    retriever = HaystackRetriever.from_dict(written)
    assert [each.id for each in retriever.run("what does the director earn?")["documents"]] == ["p3"]


def test_what_cannot_be_written_to_a_file_is_refused(in_process: PassageSource) -> None:
    with pytest.raises(InputError, match="field 'source'"):
        HaystackRetriever(source=in_process).to_dict()
    with pytest.raises(InputError, match="field 'token'") as refused:
        HaystackRetriever(url="http://localhost", token="secret")  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match="token-based"):
        HaystackRetriever(url="http://localhost", token=Secret.from_token("secret")).to_dict()
    with pytest.raises(InputError, match="field 'home or url'"):
        HaystackRetriever().warm_up()
