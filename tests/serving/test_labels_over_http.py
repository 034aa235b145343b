"""Every set of labels asked with every set of labels, by every way to ask: found is what the token allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.scripted import Scripted
from tests.serving.web import Running, Towns, running

LABELS = ("hr", "it", "Ärzte")
SETS = [list(found) for size in range(4) for found in itertools.combinations(LABELS, size)]
PASSAGES = {f"p{number}": (f"Title {number}", f"Text {number}", labels) for number, labels in enumerate(SETS)}


@pytest.fixture(scope="module", params=["dense", "bm25", "hybrid"])
def towns(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Towns:
    return Towns(tmp_path_factory.mktemp("labels") / "home", passages=PASSAGES, search=request.param)


@pytest.fixture(scope="module")
def server(towns: Towns) -> Iterator[Running]:
    generator = Scripted(lambda question, passages: " ".join(passages))
    with running(towns.app(towns.service(generator=generator))) as found:
        yield found


def called(client: httpx.Client, tool: str, **arguments: Any) -> str:
    """What an MCP tool says, over plain HTTP as an old client sends it."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    reply = client.post("/mcp", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["result"]["content"][0]["text"])


@pytest.mark.parametrize("mine", SETS, ids=lambda labels: "+".join(labels) or "none")
def test_found_is_what_the_token_allows(towns: Towns, server: Running, mine: list[str]) -> None:
    visible = {name for name, (_, _, labels) in PASSAGES.items() if {*labels} <= {*mine}}
    with server.client(towns.token(*mine)) as client:
        found = client.post("/retrieve", json={"queries": ["title text"], "topk": 50}).json()["result"][0]
        assert {one["id"] for one in found} == visible
        stored = client.post("/v1/vector_stores/b/search", json={"query": "title text", "max_num_results": 50}).json()
        assert {one["attributes"]["id"] for one in stored["data"]} == visible
        body = {"model": "b", "messages": [{"role": "user", "content": "title text"}]}
        answer = client.post("/v1/chat/completions", json=body).json()
        assert {*answer["choices"][0]["message"]["content"].split()} <= visible
        assert {one["id"] for one in answer["passages"]} <= visible
        assert all(
            f'"b/corpus/{name}"' not in called(client, "search", query="title text")
            for name in PASSAGES.keys() - visible
        )
        for name, (_, text, _) in PASSAGES.items():
            assert (text in called(client, "fetch", id=f"b/corpus/{name}")) is (name in visible)


def test_without_a_token_it_is_what_has_no_labels(server: Running) -> None:
    with server.client() as client:
        found = client.post("/retrieve", json={"queries": ["title text"], "topk": 50}).json()["result"][0]
        assert [one["id"] for one in found] == ["p0"]
