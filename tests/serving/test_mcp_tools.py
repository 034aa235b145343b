"""The tools ``search`` and ``fetch``, called by the real ``mcp`` client over HTTP and over stdio."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.serving.web import Running, Towns, running
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.mcp_tools import mcp_server

SECRET = "salary of the director"
Talk = Callable[[Client], Awaitable[None]]


@pytest.fixture
def towns(wbrag_home: Path) -> Towns:
    towns = Towns(wbrag_home)
    towns.promote(towns.release("u1", "The director has a salary of 7.", labels=["hr"], source="p3"))
    return towns


@pytest.fixture
def server(towns: Towns) -> Iterator[Running]:
    with running(towns.app()) as found:
        yield found


def talk(server: Running, token: str | None, conversation: Talk, **options: Any) -> None:
    async def run() -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http), **options) as client,
        ):
            await conversation(client)

    asyncio.run(run())


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    """The tool's JSON, or its message where it says that it failed."""
    result = await client.call_tool(tool, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    return text if result.is_error else json.loads(text)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_finds_a_document_and_reads_it(towns: Towns, server: Running, mode: str) -> None:
    async def conversation(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["search", "fetch"]
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        found = await called(client, "search", query="who made the zipper")
        assert found["results"][0] == {"id": "b/corpus/p2", "title": "Zipper", "url": "wbrag:b/corpus/p2"}
        document = await called(client, "fetch", id="b/corpus/p2")
        assert document["text"] == "The zipper was made by Gideon Sundback." and document["title"] == "Zipper"
        expected = {"benchmark": "b", "origin": "corpus", "release": "r000001", "sources": []}
        assert document["metadata"] == expected

    talk(server, None, conversation, mode=mode)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_a_token_may_not_see_is_neither_found_nor_fetched(towns: Towns, server: Running, mode: str) -> None:
    hidden = ["b/corpus/p3", "b/writeback/u1"]

    async def outsider(client: Client) -> None:
        for arguments in ({}, {"labels": ["hr"]}, {"unrestricted": True}):
            found = await called(client, "search", query=SECRET, **arguments)
            assert not {one["id"] for one in found["results"]} & {*hidden}
            said = {await called(client, "fetch", id=name, **arguments) for name in [*hidden, "b/corpus/no"]}
            assert len(said) == 1 and "no such document" in said.pop()  # nobody can tell which of them are there

    async def insider(client: Client) -> None:
        found = await called(client, "search", query=SECRET)
        assert {one["id"] for one in found["results"]} == {*hidden}
        assert (await called(client, "fetch", id="b/writeback/u1"))["metadata"]["sources"] == ["p3"]

    talk(server, None, outsider, mode=mode)
    talk(server, towns.token("finance"), outsider, mode=mode)
    talk(server, towns.token("hr"), insider, mode=mode)


def test_a_wrong_token_does_not_get_as_far_as_a_tool(server: Running) -> None:
    async def conversation(client: Client) -> None:
        await client.list_tools()

    with pytest.raises(ExceptionGroup):  # the client wraps it in groups of its own
        talk(server, "wrong", conversation)
    with server.client("wrong") as client:
        assert client.post("/mcp", json={}).status_code == 401


@pytest.mark.parametrize(
    "name",
    ["", "p2", "b", "b/corpus", "b/corpus/", "x/corpus/p2", "b/other/p2", "b//p2", "../b/corpus/p2", "b/writeback/p2"],
)
def test_an_id_that_search_did_not_give_is_no_document(server: Running, name: str) -> None:
    async def conversation(client: Client) -> None:
        said = await called(client, "fetch", id=name)
        assert isinstance(said, str) and ("no such document" in said or "at least 1" in said)

    talk(server, None, conversation)


def test_several_benchmarks_are_searched_and_read_by_name(towns: Towns) -> None:
    async def conversation(client: Client) -> None:
        first, other = [
            await called(client, "search", query="zipper", **chosen) for chosen in ({}, {"benchmark": "b2"})
        ]
        assert (first["results"][0]["id"], other["results"][0]["id"]) == ("b/corpus/p2", "b2/corpus/p2")
        assert (await called(client, "fetch", id="b2/corpus/p2"))["metadata"]["release"] == ""
        assert "it serves b, b2" in await called(client, "search", query="zipper", benchmark="b3")

    service = towns.service("b", "b2")
    with running(towns.app(service)) as found:
        talk(found, None, conversation)
        with found.client() as client:
            shown = client.get("/metrics").text.splitlines()
            assert 'wbrag_refused_requests_total{reason="unknown_benchmark"} 1.0' in shown
            assert 'wbrag_queries_total{benchmark="b2"} 1.0' in shown
            headers = {"Accept": "text/event-stream"}
            assert client.get("/mcp", headers=headers, timeout=5).status_code == 405  # no stream stays open


def test_a_passage_and_a_unit_of_one_id_are_two_documents(towns: Towns) -> None:
    retriever = towns.retriever("b")
    towns.promote(towns.release("p2", "A unit about zippers."))

    def text(origin: str) -> list[str]:
        return retriever.passage(origin, "p2", labels=[]).hits["text"].to_list()

    assert text("writeback") == ["A unit about zippers."]
    assert text("corpus") == ["The zipper was made by Gideon Sundback."]
    with pytest.raises(InputError, match="who reads"):
        retriever.passage("corpus", "p2")


def test_a_tool_that_fails_tells_no_text_to_the_log(
    towns: Towns, server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: LiveRetriever, questions: Any, *arguments: Any, **more: Any) -> Any:
        raise ValueError(questions)

    async def conversation(client: Client) -> None:
        assert "private" not in await called(client, "search", query="a private question")
        assert "at least 1" in await called(client, "search", query="")

    monkeypatch.setattr(LiveRetriever, "search", fail)
    with caplog.at_level(logging.DEBUG, logger="wbrag"), caplog.at_level(logging.DEBUG, logger="mcp.server"):
        talk(server, None, conversation)
    ours = [record for record in caplog.records if record.name.startswith(("wbrag", "uvicorn"))]
    assert any("ValueError" in record.getMessage() for record in ours)
    assert not any("private" in record.getMessage() for record in ours)


def test_making_a_server_leaves_the_logging_of_the_process_alone(towns: Towns) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    mcp_server(towns.service(), lambda _: None)  # type: ignore[arg-type, return-value]
    assert (root.level, list(root.handlers)) == before
