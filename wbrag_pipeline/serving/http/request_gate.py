"""What every HTTP request goes by before it reaches an endpoint: host, size, time, token; and how it is counted.

It is the one place that sets who reads (``reader_of``). Endpoints and MCP tools take it from there; a request that did
not come by here has no reader, and an error follows rather than a search.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wbrag_pipeline.serving.access_tokens import AccessTokens, TokenReader
from wbrag_pipeline.serving.http.json_reply import refusal_reply
from wbrag_pipeline.serving.json_log import request_facts
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.service_limits import ServiceLimits
from wbrag_pipeline.serving.service_metrics import ServiceMetrics
from wbrag_pipeline.serving.service_spans import ServiceSpans
from wbrag_pipeline.serving.textless_log import where

_log = logging.getLogger("wbrag.serving")
# Paths whose requests are not logged, because they come every few seconds.
_PROBES = ("/healthz", "/readyz", "/metrics")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_SEARCH_PREFIX, _SEARCH_SUFFIX = "/v1/vector_stores/", "/search"


class RequestGate:
    """ASGI middleware.

    paths: those of the endpoints, as the documentation writes them: what is logged and counted is one of these, never
        what was sent. hosts: names that a request's Host header may have; none is any.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: ServiceLimits,
        tokens: AccessTokens,
        metrics: ServiceMetrics,
        paths: Collection[str],
        hosts: Collection[str] = (),
        spans: ServiceSpans | None = None,
    ) -> None:
        self._spans = spans
        self._app, self._limits, self._tokens, self._metrics = app, limits, tokens, metrics
        self._paths, self._hosts = frozenset(paths), frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        endpoint = self._endpoint(scope["path"])
        if self._spans is None or endpoint in _PROBES:
            await self._answer(scope, receive, send, endpoint)
            return
        with self._spans.request(_method(scope), endpoint, HTTPConnection(scope).headers) as answered:
            answered(await self._answer(scope, receive, send, endpoint))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, endpoint: str) -> int:
        """Answer a request of HTTP; gives the reply's status."""
        began, status = time.perf_counter(), 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            try:
                await self._app(scope, await self._admitted(scope, receive), send_noting)
            except RefusedRequest as refused:
                self._metrics.count_refused(refused.code)
                await refusal_reply(refused)(scope, receive, send_noting)
            except Exception as error:
                # The message may repeat a question or a passage, so it goes nowhere.
                _log.error("%s failed: %s", endpoint, where(error))
                if not status:  # a reply that has begun cannot be taken back
                    failed = RefusedRequest(500, "failed", "the server failed; its log says where")
                    await refusal_reply(failed)(scope, receive, send_noting)
            return status
        finally:
            seconds = time.perf_counter() - began
            self._metrics.count_request(endpoint, status, seconds)
            if endpoint not in _PROBES:
                reader = scope.get("state", {}).get("reader")
                asked_by = reader.name if isinstance(reader, TokenReader) and reader.name else "-"
                method = _method(scope)
                facts = request_facts(method, endpoint, status, seconds, asked_by)
                _log.info("%s %s %d %.1f ms %s", method, endpoint, status, 1000 * seconds, asked_by, extra=facts)

    async def _admitted(self, scope: Scope, receive: Receive) -> Receive:
        """Who reads is noted in ``scope``; gives what the endpoint receives, the body read already."""
        connection = HTTPConnection(scope)
        host = connection.headers.get("host", "")
        if self._hosts and _name_of(host) not in self._hosts:
            # A page in a browser can make its own name lead to this machine; then the browser sends that name.
            problem = "this server is not called by this name; its operator may add it with --allow-host"
            raise RefusedRequest(421, "unknown_host", problem)
        headers = connection.headers.getlist("authorization")
        if len(headers) > 1:
            raise RefusedRequest(401, "bad_authorization", "the Authorization header stands twice; send one")
        scope.setdefault("state", {})["reader"] = self._tokens.reader(headers[0] if headers else None)
        if scope["method"] in _METHODS[:3]:
            return receive
        body = await self._body(connection, receive)
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        return replay

    async def _body(self, connection: HTTPConnection, receive: Receive) -> bytes:
        told = connection.headers.get("content-length", "")
        if told.isdecimal() and int(told[:20]) > self._limits.body:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise RefusedRequest(400, "disconnected", "the connection ended before the request did")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._limits.body:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            problem = f"the request's body took longer than {self._limits.seconds:g} seconds to arrive"
            raise RefusedRequest(408, "body_too_slow", problem, headers={"Connection": "close"}) from None

    def _too_large(self) -> RefusedRequest:
        problem = f"the body is larger than {self._limits.body} bytes; send fewer or shorter queries"
        return RefusedRequest(413, "body_too_large", problem, headers={"Connection": "close"})

    def _endpoint(self, path: str) -> str:
        if path in self._paths:
            return path
        if path.startswith(_SEARCH_PREFIX) and path.endswith(_SEARCH_SUFFIX):
            return f"{_SEARCH_PREFIX}{{benchmark}}{_SEARCH_SUFFIX}"
        return "other"


def reader_of(connection: HTTPConnection) -> TokenReader:
    """Who sent a request. Raises RuntimeError for one that did not come by the gate."""
    reader = connection.scope.get("state", {}).get("reader")
    if not isinstance(reader, TokenReader):
        raise RuntimeError("a request without a reader")
    return reader


def _method(scope: Scope) -> str:
    """The request's method, which may be any word; "-" for one that is none of HTTP's."""
    return scope["method"] if scope["method"] in _METHODS else "-"


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
