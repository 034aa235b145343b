"""``/openapi.json`` and ``/docs``: what can be asked, made from the bodies' models. Nothing comes from another host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from wbrag_pipeline import __version__
from wbrag_pipeline.serving.http import messages
from wbrag_pipeline.serving.service_limits import ServiceLimits

_REF = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Operation:
    """One thing to ask. body: of the request, or None. refusals: statuses beside those that every request may have."""

    method: str
    path: str
    name: str
    summary: str
    reply: type[BaseModel] | None
    body: type[BaseModel] | None = None
    refusals: tuple[int, ...] = ()
    media: str = "application/json"


_RETRIEVE = Operation(
    "post",
    "/retrieve",
    "retrieve",
    "Search passages and units, in the shape of Search-R1's retrieval server",
    messages.RetrieveReply,
    messages.RetrieveRequest,
    (404,),
)
_VECTOR_STORE = Operation(
    "post",
    "/v1/vector_stores/{benchmark}/search",
    "vector_store_search",
    "Search passages and units, in the shape of OpenAI's vector stores",
    messages.VectorStoreSearchReply,
    messages.VectorStoreSearchRequest,
    (404,),
)
_CHAT = Operation(
    "post",
    "/v1/chat/completions",
    "chat",
    "Answer a question, in the shape of OpenAI's chat completions",
    messages.ChatReply,
    messages.ChatRequest,
    (404, 502),
)
_OTHERS = (
    Operation("get", "/v1/models", "models", "The benchmarks that are served", messages.ModelsReply),
    Operation("get", "/healthz", "health", "Whether the server runs", messages.Health),
    Operation("get", "/readyz", "readiness", "Whether every release is open and verified", messages.Readiness),
    Operation("get", "/metrics", "metrics", "Figures for Prometheus", None, media="text/plain"),
)
_REFUSALS = {
    400: "The request is wrong; the message says what and how to write it",
    401: "The Authorization header is no token of this server",
    404: "There is no such benchmark, or no such endpoint",
    408: "The request took too long to arrive or to answer",
    413: "The body is too large",
    415: "The body is not JSON",
    421: "The server is not called by this name",
    429: "Too many requests are being worked on; Retry-After says when to try again",
    500: "The server failed",
    502: "The generator failed",
    503: "The server is not ready",
}
_EVERY_GET = (401, 421, 500, 503)
_EVERY_POST = (400, 401, 408, 413, 415, 421, 429, 500, 503)


def openapi(limits: ServiceLimits, benchmarks: Sequence[str], *, answers: bool) -> dict[str, Any]:
    """The OpenAPI 3.1 description. benchmarks: those that are served. answers: whether questions are answered too."""
    operations = [_RETRIEVE, _VECTOR_STORE, *([_CHAT] if answers else []), *_OTHERS]
    asked = [(operation.body, "validation") for operation in operations if operation.body]
    told = [(operation.reply, "serialization") for operation in operations if operation.reply]
    _, found = models_json_schema([*asked, *told, (messages.ErrorReply, "serialization")], ref_template=_REF)  # type: ignore[list-item]
    schemas = found["$defs"]
    fields = schemas["RetrieveRequest"]["properties"]
    fields["queries"]["maxItems"] = limits.queries
    fields["topk"]["anyOf"][0]["maximum"] = limits.top_k
    fields["benchmark"]["anyOf"][0]["enum"] = [*benchmarks]
    others = schemas["VectorStoreSearchRequest"]["properties"]
    others["query"]["anyOf"][1]["maxItems"] = limits.queries
    others["max_num_results"]["maximum"] = min(others["max_num_results"]["maximum"], limits.top_k)
    if answers:
        schemas["ChatRequest"]["properties"]["model"]["enum"] = [*benchmarks]
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, benchmarks)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wbrag serve",
            "version": __version__,
            "description": "Retrieval over a corpus and the knowledge units of its served release. "
            "A bearer token gives access labels; without one, only what is for everybody is found.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def docs_page(description: dict[str, Any]) -> str:
    """The description as an HTML page without scripts and without files of any host."""
    parts = []
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}.</p>")
            if "requestBody" in operation:
                parts.append(f"<h3>Request</h3>{_schema_of(operation['requestBody'], description)}")
            for status, reply in operation["responses"].items():
                shape = _schema_of(reply, description) if status == "200" else ""
                parts.append(f"<p><b>{status}</b> {escape(reply['description'])}</p>{shape}")
    return _PAGE.format(about=escape(description["info"]["description"]), parts="\n".join(parts))


def _described(operation: Operation, benchmarks: Sequence[str]) -> dict[str, Any]:
    replied = {"schema": _ref(operation.reply)} if operation.reply else {"schema": {"type": "string"}}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {"200": {"description": "What was asked for", "content": {operation.media: replied}}},
    }
    if "{benchmark}" in operation.path:
        described["parameters"] = [
            {"name": "benchmark", "in": "path", "required": True, "schema": {"type": "string", "enum": [*benchmarks]}}
        ]
    if operation.body:
        content = {"application/json": {"schema": _ref(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    for status in sorted({*(_EVERY_POST if operation.method == "post" else _EVERY_GET), *operation.refusals}):
        content = {"application/json": {"schema": _ref(messages.ErrorReply)}}
        described["responses"][str(status)] = {"description": _REFUSALS[status], "content": content}
    return described


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schema_of(described: dict[str, Any], description: dict[str, Any]) -> str:
    """The schema of a body, with those that it refers to, as JSON."""
    schemas, wanted = description["components"]["schemas"], [json.dumps(described.get("content", {}))]
    shown: dict[str, Any] = {}
    while wanted:
        text = wanted.pop()
        for name, schema in schemas.items():
            if name not in shown and _REF.format(model=name) + '"' in text:
                shown[name] = schema
                wanted.append(json.dumps(schema))
    return "".join(
        f"<details><summary><code>{escape(name)}</code></summary>"
        f"<pre>{escape(json.dumps(schema, indent=2))}</pre></details>"
        for name, schema in shown.items()
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>wbrag serve</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }}
h2 {{ border-top: 1px solid gray; padding-top: 1rem }} pre {{ overflow-x: auto; font-size: 13px }}
</style></head><body>
<h1>wbrag serve</h1>
<p>{about}</p>
<p>For programs: <a href="openapi.json"><code>/openapi.json</code></a>.
For agents: MCP over streamable HTTP at <code>/mcp</code>, with the tools <code>search</code> and
<code>fetch</code>.</p>
{parts}
</body></html>
"""
