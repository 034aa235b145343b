"""The ASGI application of ``wbrag serve``: which path leads where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wbrag_pipeline.serving.access_tokens import AccessTokens
from wbrag_pipeline.serving.http.json_reply import refusal_reply
from wbrag_pipeline.serving.http.openapi_page import docs_page, openapi
from wbrag_pipeline.serving.http.operation_endpoints import OperationEndpoints
from wbrag_pipeline.serving.http.request_gate import RequestGate
from wbrag_pipeline.serving.http.search_endpoints import SearchEndpoints
from wbrag_pipeline.serving.mcp_tools import mcp_over_http
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.search_service import SearchService

# The page has its style inside and needs nothing else.
_DOCS_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def web_app(
    service: SearchService,
    tokens: AccessTokens,
    *,
    hosts: Collection[str] = (),
    on_start: Callable[[], object] = lambda: None,
    on_stop: Callable[[], object] = lambda: None,
) -> Starlette:
    """The application over a service, which may still have to be opened.

    hosts: names that requests' Host headers may have; none is any. on_start: called when the server has started.
    on_stop: called, in a thread, when it has answered its last request; a signal may end the process right after.
    """
    search, operations = SearchEndpoints(service), OperationEndpoints(service)
    description = openapi(service.limits, service.benchmarks, answers=service.answers)
    page = docs_page(description)

    async def describe(request: Request) -> Response:
        return JSONResponse(description)

    async def docs(request: Request) -> Response:
        return HTMLResponse(page, headers=_DOCS_POLICY)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with mcp_over_http(service) as app.state.mcp:
            on_start()
            yield
        await asyncio.to_thread(on_stop)

    routes = [
        Route("/retrieve", search.retrieve, methods=["POST"]),
        Route("/v1/vector_stores/{benchmark}/search", search.vector_store_search, methods=["POST"]),
        Route("/v1/chat/completions", search.chat, methods=["POST"]),
        Route("/v1/models", search.models),
        Route("/healthz", operations.health),
        Route("/readyz", operations.readiness),
        Route("/metrics", operations.metrics),
        Route("/openapi.json", describe),
        Route("/docs", docs),
        Route("/mcp", _Mcp(), methods=["POST"]),  # without sessions there is nothing to GET: no stream stays open
    ]
    gate = Middleware(
        RequestGate,
        limits=service.limits,
        tokens=tokens,
        metrics=service.metrics,
        paths=[route.path for route in routes],
        hosts=hosts,
        spans=service.spans,
    )
    app = Starlette(
        routes=routes, middleware=[gate], exception_handlers={HTTPException: _nothing_here}, lifespan=lifespan
    )
    app.router.redirect_slashes = False  # such a redirect would repeat the Host header that was sent
    return app


class _Mcp:
    """``/mcp``: an ASGI application that lives from the server's start to its end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["app"].state.mcp(scope, receive, send)


async def _nothing_here(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself: no such path, or not with this method."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    if status == 405:
        return refusal_reply(RefusedRequest(405, "wrong_method", "this path takes another method", headers=headers))
    return refusal_reply(
        RefusedRequest(status, "nothing_here", "there is nothing here; see GET /docs", headers=headers)
    )
