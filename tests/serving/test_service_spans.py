"""OpenTelemetry spans of a server, as the SDK's own exporter in memory gets them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from tests.serving.web import Running, Towns, running
from wbrag_pipeline.commands import serve
from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.serving import service_spans
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.serving.service_spans import ServiceSpans, spans_of_environment

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def provider_to(exported: InMemorySpanExporter, **options: Any) -> TracerProvider:
    provider = TracerProvider(**options)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return provider


@pytest.fixture
def texts(request: pytest.FixtureRequest) -> bool:
    return getattr(request, "param", False)


@pytest.fixture
def server(towns: Towns, exported: InMemorySpanExporter, texts: bool) -> Iterator[Running]:
    service = SearchService(("b",), towns.retriever, spans=ServiceSpans(provider_to(exported), texts=texts))
    service.open()
    with running(towns.app(service)) as found:
        yield found


def by_kind(exported: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in exported.get_finished_spans() if span.kind is kind]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_search_is_a_retrieval_below_its_request_in_the_clients_own_trace(
    server: Running, exported: InMemorySpanExporter
) -> None:
    with server.client() as client:
        asked = {"queries": ["Velcro Swiss engineer"], "topk": 2}
        found = client.post("/retrieve", json={**asked, "return_scores": True}, headers={"traceparent": TRACEPARENT})
    (request,), (retrieval,) = by_kind(exported, SpanKind.SERVER), by_kind(exported, SpanKind.CLIENT)
    assert request.name == "POST /retrieve" and attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/retrieve",
        "http.response.status_code": 200,
    }
    assert f"{request.context.trace_id:032x}" == TRACE and request.parent is not None
    assert retrieval.parent == request.context and retrieval.name == "retrieval b"
    assert request.start_time <= retrieval.start_time <= retrieval.end_time <= request.end_time  # type: ignore[operator]
    told, documents = attributes(retrieval), [one["document"]["id"] for one in found.json()["result"][0]]
    scores = [one["score"] for one in found.json()["result"][0]]
    assert told.pop("gen_ai.retrieval.documents") == tuple(
        {"id": name, "score": score} for name, score in zip(documents, scores, strict=True)
    )
    assert told == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.provider.name": "wbrag",
        "gen_ai.data_source.id": "b",
        "gen_ai.retrieval.top_k": 2,
        "openinference.span.kind": "RETRIEVER",
        "wbrag.release": "r000001",
        "wbrag.units": 1,
        "retrieval.documents.0.document.id": "u1",
        "retrieval.documents.0.document.score": scores[0],
        "retrieval.documents.0.document.metadata": json.dumps({"origin": "writeback", "sources": ["p1"]}),
        "retrieval.documents.1.document.id": "p1",
        "retrieval.documents.1.document.score": scores[1],
        "retrieval.documents.1.document.metadata": json.dumps({"origin": "corpus", "sources": []}),
    }


@pytest.mark.parametrize("texts", [False, True], indirect=True)
def test_texts_are_told_only_where_that_was_asked_for(
    server: Running, exported: InMemorySpanExporter, texts: bool
) -> None:
    with server.client() as client:
        client.post("/retrieve", json={"queries": ["who made the zipper"], "topk": 1})
        client.post("/retrieve?secret=who%20made", json={"queries": [], "labels": ["who made"]})
        client.post("/who made the zipper")
    told = repr([(span.name, attributes(span), span.events) for span in exported.get_finished_spans()])
    assert ("who made" in told) is texts and ("Gideon Sundback" in told) is texts
    if texts:
        (retrieval,) = by_kind(exported, SpanKind.CLIENT)
        found = attributes(retrieval)
        assert found["gen_ai.retrieval.query.text"] == found["input.value"] == "who made the zipper"
        assert found["retrieval.documents.0.document.content"] == "The zipper was made by Gideon Sundback."


def test_every_query_of_a_request_has_a_span_up_to_a_number(server: Running, exported: InMemorySpanExporter) -> None:
    with server.client() as client:
        client.post("/retrieve", json={"queries": ["zipper"] * 40, "topk": 60})
    spans = by_kind(exported, SpanKind.CLIENT)
    assert len(spans) == service_spans._MOST == 16
    assert all(len(attributes(span)["gen_ai.retrieval.documents"]) == 4 for span in spans)


def test_a_span_of_many_documents_keeps_its_other_attributes(towns: Towns, exported: InMemorySpanExporter) -> None:
    """An SDK drops what exceeds 128 attributes."""
    spans = ServiceSpans(provider_to(exported), texts=True)
    hits = towns.retriever("b").search(["zipper"], 1, labels=[]).hits
    many = hits.select(hits.columns).sample(100, with_replacement=True)
    spans.found("b", 1, ["zipper"], 100, "r000001", many)
    found = attributes(exported.get_finished_spans()[0])
    assert len(found["gen_ai.retrieval.documents"]) == 100 and len(found) < 128
    assert found["openinference.span.kind"] == "RETRIEVER" and found["wbrag.release"] == "r000001"


def test_a_refused_request_and_a_failed_search_are_told_without_words(
    towns: Towns, server: Running, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: LiveRetriever, questions: Any, *arguments: Any, **more: Any) -> Any:
        raise ValueError(questions) if "odd" in questions[0] else MissingPartError(questions[0], "nothing")

    monkeypatch.setattr(LiveRetriever, "search", fail)
    with server.client() as client:
        assert client.post("/retrieve", json={"queries": ["a private question"]}).status_code == 503
        assert client.post("/retrieve", json={"queries": ["an odd private question"]}).status_code == 500
        assert client.post("/retrieve", json={}).status_code == 400
    statuses = [
        (attributes(span)["http.response.status_code"], span.status.status_code, attributes(span).get("error.type"))
        for span in by_kind(exported, SpanKind.SERVER)
    ]
    assert statuses == [(503, StatusCode.ERROR, "503"), (500, StatusCode.ERROR, "500"), (400, StatusCode.UNSET, None)]
    failed = by_kind(exported, SpanKind.CLIENT)
    assert [(attributes(span)["error.type"], span.status.status_code) for span in failed] == [
        ("not_available", StatusCode.ERROR),
        ("failed", StatusCode.ERROR),
    ]
    assert "private" not in repr([(span.attributes, span.events, span.status.description) for span in failed])


def test_probes_have_no_spans(server: Running, exported: InMemorySpanExporter) -> None:
    with server.client() as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200
        client.get("/v1/models")
    assert [span.name for span in exported.get_finished_spans()] == ["GET /v1/models"]


def test_a_search_by_mcp_has_its_span(server: Running, exported: InMemorySpanExporter) -> None:
    async def talk() -> None:
        async with (
            httpx2.AsyncClient(timeout=60) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
        ):
            await client.call_tool("search", {"query": "who made the zipper"})

    asyncio.run(talk())
    (retrieval,) = by_kind(exported, SpanKind.CLIENT)
    requests = [span.context for span in by_kind(exported, SpanKind.SERVER)]
    assert retrieval.parent in requests


def test_what_is_not_sampled_costs_nothing(towns: Towns, exported: InMemorySpanExporter) -> None:
    spans = ServiceSpans(provider_to(exported, sampler=ALWAYS_OFF))
    with spans.request("POST", "/retrieve", {"traceparent": ""}) as answered:
        spans.found("b", 1, ["zipper"], 1, "", None)  # type: ignore[arg-type] - not looked at
        answered(200)
    assert exported.get_finished_spans() == ()


@pytest.mark.parametrize("header", ["", "00-xyz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\xe9", TRACEPARENT * 9])
def test_a_traceparent_that_is_none_begins_a_new_trace(
    server: Running, exported: InMemorySpanExporter, header: str
) -> None:
    with server.client() as client:
        headers = {"traceparent": header.encode("latin-1"), "baggage": "labels=hr"}
        assert client.post("/retrieve", json={"queries": ["zipper"]}, headers=headers).status_code == 200
    (request,) = by_kind(exported, SpanKind.SERVER)
    assert request.parent is None and "hr" not in repr(attributes(request))


# Where spans go, and what is needed for it.


def test_without_the_setting_no_span_is_made(towns: Towns) -> None:
    assert towns.service().spans is None


@pytest.mark.parametrize(
    "part", ["opentelemetry.sdk.resources", "opentelemetry.exporter.otlp.proto.http.trace_exporter"]
)
def test_a_part_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(MissingPartError, match=r"pip install 'wbrag-pipeline\[otel\]'"):
        spans_of_environment(texts=False)


def with_exporter(monkeypatch: pytest.MonkeyPatch, exported: InMemorySpanExporter) -> None:
    """The exporter over HTTP, replaced by one in memory."""
    names = "opentelemetry.exporter.otlp.proto.http.trace_exporter".split(".")
    for count in range(2, len(names) + 1):
        name = ".".join(names[:count])
        monkeypatch.setitem(sys.modules, name, module := ModuleType(name))
        module.__path__ = []
    module.OTLPSpanExporter = lambda: exported  # type: ignore[attr-defined]


def test_spans_are_sent_at_the_end_under_the_name_of_the_service(
    monkeypatch: pytest.MonkeyPatch, exported: InMemorySpanExporter
) -> None:
    with_exporter(monkeypatch, exported)
    for variables, name in (({}, "wbrag"), ({"OTEL_SERVICE_NAME": "kb"}, "kb")):
        exported.clear()
        exported._stopped = False
        with monkeypatch.context() as patch:
            for variable, value in variables.items():
                patch.setenv(variable, value)
            spans = spans_of_environment(texts=False)
        spans.failed("b", 1, "not_available")
        spans.close()
        (sent,) = exported.get_finished_spans()
        assert sent.resource.attributes["service.name"] == name


def test_a_provider_of_the_process_is_used(monkeypatch: pytest.MonkeyPatch, exported: InMemorySpanExporter) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider_to(exported))
    spans = spans_of_environment(texts=False)
    spans.failed("b", 1, "not_available")
    spans.close()  # it is not ours to end
    spans.failed("b", 1, "not_available")
    assert len(exported.get_finished_spans()) == 2


def test_the_command_asks_for_the_extra_before_anything_is_opened(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from wbrag_pipeline.cli import app

    monkeypatch.setattr(serve, "_log_requests", lambda wanted, form: None)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    ended = CliRunner().invoke(app, ["serve", "b", "--spans", "ids"])
    assert isinstance(ended.exception, MissingPartError)
