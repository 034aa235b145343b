"""``wbrag serve``: retrieval and answers over HTTP, or to one agent over stdio."""

from __future__ import annotations

import logging
import os
import socket
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import say
from wbrag_pipeline.commands.options import RELEASE_SETTINGS, with_settings
from wbrag_pipeline.ctrl_c import leave_at_once
from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.serving.service_limits import ServiceLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wbrag_pipeline.serving.access_tokens import AccessTokens
    from wbrag_pipeline.serving.search_service import SearchService
    from wbrag_pipeline.settings import Settings

_LIMITS = ServiceLimits()
# Addresses that only programs on this machine reach, and the names that these call it by.
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_TOKEN_VARIABLE = "WBRAG_TOKEN"


class SpanContent(StrEnum):
    """What spans tell."""

    OFF = "off"
    IDS = "ids"
    TEXTS = "texts"


class LogFormat(StrEnum):
    """What a log line is."""

    TEXT = "text"
    JSON = "json"


@with_settings(*RELEASE_SETTINGS, "remote")
def serve(
    benchmark: Annotated[
        list[str] | None, typer.Argument(help="Benchmarks to serve, the first by default; left out: the last trained.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 is every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0 is any free one.", min=0, max=65535)] = 8080,
    answer: Annotated[bool, typer.Option("--answer", help="Answer questions too, by the release's generator.")] = False,
    stdio: Annotated[
        bool,
        typer.Option("--stdio", help=f"Speak MCP over stdio instead of HTTP; a token stands in {_TOKEN_VARIABLE}."),
    ] = False,
    tokens: Annotated[
        Path | None, typer.Option(help="File of bearer tokens, see wbrag token (tokens.jsonl in the home).")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that clients call this server by, where a proxy stands before it; repeat for more."),
    ] = None,
    max_body: Annotated[int, typer.Option(help="Bytes of a request's body.", min=1)] = _LIMITS.body,
    max_queries: Annotated[int, typer.Option(help="Queries of a request.", min=1)] = _LIMITS.queries,
    max_k: Annotated[int, typer.Option(help="Passages a query.", min=1)] = _LIMITS.top_k,
    max_seconds: Annotated[float, typer.Option(help="Seconds of a request.", min=0.001)] = _LIMITS.seconds,
    threads: Annotated[int, typer.Option(help="Requests worked on at once.", min=1)] = _LIMITS.threads,
    waiting: Annotated[
        int, typer.Option(help="Further requests that wait; more are refused.", min=0)
    ] = _LIMITS.waiting,
    usage_share: Annotated[
        float, typer.Option(help="Share of the queries to record for wbrag usage; 0 is none.", min=0, max=1)
    ] = 0.0,
    usage_texts: Annotated[
        bool, typer.Option(help="Record their text too, where it holds no personal data.", show_default=False)
    ] = True,
    usage_days: Annotated[int, typer.Option(help="Days that recorded queries are kept.", min=1)] = 30,
    usage_most: Annotated[int, typer.Option(help="Recorded queries of a benchmark at most.", min=1)] = 10_000,
    spans: Annotated[
        SpanContent,
        typer.Option(help="OpenTelemetry spans: off, with ids and scores, or with questions and passages too."),
    ] = SpanContent.OFF,
    log_requests: Annotated[
        bool, typer.Option(help="Log each request on standard error: no text, no token.", show_default=False)
    ] = True,
    log_format: Annotated[
        LogFormat, typer.Option(help="Log lines as text, or as JSON, one object a line.")
    ] = LogFormat.TEXT,
    *,
    settings: Settings,
) -> None:
    """Serve what is released, over HTTP: Search-R1 and OpenAI shapes, MCP, health and metrics; Ctrl-C ends it.

    A promotion or a rollback takes effect at the next request. Without a bearer token only passages and units for
    everybody are found; wbrag token makes tokens with access labels. GET /docs shows what can be asked. With --remote
    what is served there is followed, and nothing has to be in the home.

    Example: wbrag serve sample_squad --port 8080
    """
    from wbrag_pipeline.commands.ask import last_trained
    from wbrag_pipeline.datasets.registry import Registry

    _check_parts()
    from wbrag_pipeline.serving.access_tokens import AccessTokens
    from wbrag_pipeline.serving.search_service import SearchService, retrievers_of
    from wbrag_pipeline.serving.service_spans import spans_of_environment
    from wbrag_pipeline.serving.usage_recorder import UsageSample

    registry = Registry.load(settings.home)
    names = benchmark or [last_trained(settings)]
    if not settings.remote:  # which may have what is not here yet
        names = [registry.benchmark(name).name for name in names]
    if tokens is not None and not tokens.is_file():
        raise InputError("there is no such file", file=tokens, field="tokens", hint="make one with: wbrag token")
    known = AccessTokens(tokens or settings.layout.access_tokens)
    limits = ServiceLimits(max_body, max_queries, max_k, max_seconds, threads, waiting)
    sampled = UsageSample(settings, usage_share, usage_texts, usage_days, usage_most) if usage_share else None
    traced = None if spans is SpanContent.OFF else spans_of_environment(texts=spans is SpanContent.TEXTS)
    service = SearchService(
        names, retrievers_of(settings), limits=limits, answers=answer, sampled=sampled, spans=traced
    )
    try:
        if stdio:
            _serve_stdio(service, known)
        else:
            _log_requests(log_requests, log_format)
            _serve_http(service, known, host, port, allow_host or ())
    finally:
        service.close()


def _check_parts() -> None:
    from importlib.util import find_spec

    for part in ("mcp", "prometheus_client"):
        if find_spec(part) is None:
            raise MissingPartError(part, "pip install 'wbrag-pipeline[serve]'")


def _serve_stdio(service: SearchService, tokens: AccessTokens) -> None:
    import asyncio

    from wbrag_pipeline.serving.mcp_tools import mcp_server
    from wbrag_pipeline.serving.refused_request import RefusedRequest

    token = os.environ.get(_TOKEN_VARIABLE)

    def authorization() -> str | None:
        return None if token is None else f"Bearer {token}"

    try:
        tokens.reader(authorization())
    except RefusedRequest as refused:
        raise InputError(refused.problem, field=_TOKEN_VARIABLE) from None
    service.open()
    # The token is looked up at each message: it may be withdrawn meanwhile.
    asyncio.run(mcp_server(service, lambda _: tokens.reader(authorization())).run_stdio_async())


def _serve_http(service: SearchService, tokens: AccessTokens, host: str, port: int, allowed: Sequence[str]) -> None:
    import uvicorn

    from wbrag_pipeline.serving.http.web_app import web_app

    listening = _listening(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
    local = host in _THIS_MACHINE
    hosts = {name.lower() for name in (*allowed, *((*_THIS_MACHINE, host) if local or allowed else ()))}
    failed: list[BaseException] = []

    def open_and_tell() -> None:
        try:
            service.open()
        except BaseException as error:
            failed.append(error)
            server.should_exit = True
        else:
            for name, (release, _) in service.served().items():
                say(f"serving {name}, {f'release {release}' if release else 'the corpus alone'}, at {address}")

    opening = threading.Thread(target=open_and_tell, daemon=True)

    def on_start() -> None:
        say(f"listening at {address}; opening and verifying")
        opening.start()

    app = web_app(service, tokens, hosts=hosts, on_start=on_start, on_stop=service.close)
    patience = round(service.limits.seconds) + 1
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=patience
    )
    server = uvicorn.Server(config)
    try:
        with listening:
            server.run(sockets=[listening])
    finally:
        if opening.is_alive() and not failed:
            # It cannot be stopped, nothing was answered yet, and where it loads a model Python's end would abort on it.
            leave_at_once()
    if failed:
        raise failed[0]


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        problem = f"cannot listen at {host}:{port}: {(error.strerror or str(error)).lower()}"
        raise InputError(problem, field="port", hint="choose another --port or --host") from None


def _log_requests(wanted: bool, form: LogFormat) -> None:
    """Log lines of the server on standard error: one a request, or only what is amiss."""
    from wbrag_pipeline.serving.json_log import JsonLines

    lines = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    lines.setFormatter(JsonLines() if form is LogFormat.JSON else text)
    logger = logging.getLogger("wbrag")
    logger.addHandler(lines)
    logger.setLevel(logging.INFO if wanted else logging.WARNING)
