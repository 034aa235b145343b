"""The tools ``search`` and ``fetch`` for agents, by the Model Context Protocol: over HTTP at ``/mcp``, and over stdio.

Their results are JSON as text, in the shape that ChatGPT's connectors and deep research expect of these two names, and
that every client can read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import quote

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.requests import Request
from starlette.types import ASGIApp

from wbrag_pipeline import __version__
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, WRITEBACK
from wbrag_pipeline.serving.access_tokens import TokenReader
from wbrag_pipeline.serving.http.request_gate import reader_of
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.serving.textless_log import where

# Who sent a message.
ReaderOf = Callable[[Context[Any, Any]], TokenReader]

_log = logging.getLogger("wbrag.serving")
_READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_UNKNOWN = "there is no such document, or it is not for this reader; take an id that search gave"


def mcp_server(service: SearchService, reader: ReaderOf) -> MCPServer[Any]:
    """A server with both tools. reader: who sent a message; it decides what is found, and a message never does."""
    server = _silent_server(
        f"Search and read passages, and knowledge units made from them, of {', '.join(service.benchmarks)}."
    )

    @server.tool(annotations=_READ_ONLY, structured_output=False)
    async def search(
        query: Annotated[str, Field(description="A question in plain words", min_length=1)],
        ctx: Context[Any, Any],
        benchmark: Annotated[str | None, Field(description="Which benchmark; left out: the first")] = None,
    ) -> str:
        """Find the passages that answer a question best. Read one with fetch and its id."""
        with _Told(service):
            name = service.name_of(benchmark)
            found = await service.search(name, [query], None, reader(ctx).labels)
        rows = found.hits.sort("rank").select("origin", "passage_id", "title").iter_rows()
        results = [_reference(name, origin, passage, title) for origin, passage, title in rows]
        return json.dumps({"results": results}, ensure_ascii=False)

    @server.tool(annotations=_READ_ONLY, structured_output=False)
    async def fetch(
        id: Annotated[str, Field(description="An id that search gave", min_length=1)],
        ctx: Context[Any, Any],
    ) -> str:
        """Read one passage or unit whole."""
        with _Told(service):
            name, origin, passage = _parts(service, id)
            found = await service.passage(name, origin, passage, reader(ctx).labels)
        if found.hits.is_empty():
            raise ToolError(_UNKNOWN)
        row = found.hits.row(0, named=True)
        metadata = {"benchmark": name, "origin": origin, "release": found.release, "sources": row["sources"]}
        document = _reference(name, origin, passage, row["title"]) | {"text": row["text"], "metadata": metadata}
        return json.dumps(document, ensure_ascii=False)

    return server


@asynccontextmanager
async def mcp_over_http(service: SearchService) -> AsyncIterator[ASGIApp]:
    """The ASGI application of ``/mcp`` for the block. It has no sessions: each message says by its token who reads."""
    server = mcp_server(service, _reader_of_http)
    server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=service.limits.body,
        # The gate has looked at the host already, for every path.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    async with server.session_manager.run():
        yield server.session_manager.asgi_app


def _reader_of_http(ctx: Context[Any, Any]) -> TokenReader:
    request = ctx.request_context.request
    if not isinstance(request, Request):
        raise RuntimeError("a message without a request")
    return reader_of(request)


class _Told:
    """Errors in the block as the tool's own words to the agent; unexpected ones are logged, without a text."""

    def __init__(self, service: SearchService) -> None:
        self._metrics = service.metrics

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RefusedRequest):
            self._metrics.count_refused(error.code)
            raise ToolError(error.problem) from None
        if isinstance(error, Exception) and not isinstance(error, ToolError):
            _log.error("an MCP tool failed: %s", where(error))
            raise ToolError("the server failed; its log says where") from None


def _reference(benchmark: str, origin: str, passage: str, title: str) -> dict[str, str]:
    """A document as both tools name it. Ids are the same in every release that has the document."""
    path = f"{benchmark}/{origin}/{passage}"
    return {"id": path, "title": title, "url": f"wbrag:{quote(path)}"}


def _parts(service: SearchService, document: str) -> tuple[str, str, str]:
    """Benchmark, origin and passage id. Raises ToolError for what is no id of ours."""
    benchmark, _, rest = document.partition("/")
    origin, _, passage = rest.partition("/")
    if benchmark not in service.benchmarks or origin not in (CORPUS, WRITEBACK) or not passage:
        raise ToolError(_UNKNOWN)
    return benchmark, origin, passage


def _silent_server(instructions: str) -> MCPServer[Any]:
    """A server that leaves the process' logging as it is, and logs no arguments of tools itself."""
    root, taken = logging.getLogger(), logging.NullHandler()
    root.addHandler(taken)  # MCPServer sets up the root logger where that has no handler
    try:
        server: MCPServer[Any] = MCPServer(
            "wbrag",
            instructions=instructions,
            version=__version__,
            subscriptions=False,  # the tools never change, and each would hold a connection
        )
    finally:
        root.removeHandler(taken)
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    return server
