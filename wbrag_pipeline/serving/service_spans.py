"""OpenTelemetry spans of what is served, where the operator asked for them; needs the extra ``otel``.

A request is a span of kind SERVER in the client's own trace. Below it each query is one of kind CLIENT, by two
conventions at once: OpenTelemetry's for generative AI (``gen_ai.retrieval.*``, semantic-conventions-genai 0.1) and
OpenInference's ``RETRIEVER``, which Phoenix and others read.

What was asked and what was found stays out of spans unless ``texts`` is set: ids and scores are told, texts are not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wbrag_pipeline import __version__
from wbrag_pipeline.errors import MissingPartError
from wbrag_pipeline.retrieval.knowledge_base import WRITEBACK

if TYPE_CHECKING:
    import polars as pl
    from opentelemetry.trace import Span, TracerProvider

# Queries of one request that have spans; clients that train send hundreds.
_MOST = 16
# Documents with attributes of their own by OpenInference; a span has room for 128 attributes in all.
_MOST_DOCUMENTS = 20
_INSTALL = "pip install 'wbrag-pipeline[otel]'"


class ServiceSpans:
    """Makes the spans of one server; may be called from many threads.

    provider: where they go. texts: whether questions and passages are told. close: called when the server ends.
    """

    def __init__(
        self, provider: TracerProvider, *, texts: bool = False, close: Callable[[], object] = lambda: None
    ) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer("wbrag", __version__)
        self._texts, self.close = texts, close
        # Only the trace's id is taken from a request, and no baggage.
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, method: str, endpoint: str, headers: Mapping[str, str]) -> Iterator[Callable[[int], None]]:
        """The span of a request, current in the block; the block is to call what it is given with the status.

        endpoint: the path as the documentation writes it, never as it was sent.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode

        parent = self._propagator.extract({"traceparent": headers.get("traceparent", "")})
        attributes = {"http.request.method": method, "http.route": endpoint}
        with self._tracer.start_as_current_span(
            f"{method} {endpoint}",
            parent,
            SpanKind.SERVER,
            attributes,
            # An error's message may repeat a question.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            def answered(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_attribute("error.type", str(status))
                    span.set_status(Status(StatusCode.ERROR))

            yield answered

    def found(
        self, benchmark: str, began: int, queries: Sequence[str], top_k: int | None, release: str, hits: pl.DataFrame
    ) -> None:
        """The spans of queries that were searched. began: ``time.time_ns()`` before. hits: of all, with texts."""
        ended = time.time_ns()
        if not _is_sampled():
            return
        rows = hits.sort("query", "rank").filter(hits["query"] < _MOST) if hits.height else hits
        by_query = rows.partition_by("query", as_dict=True, maintain_order=True)
        for place, query in enumerate(queries[:_MOST]):
            found = by_query.get((place,))
            attributes = self._of_query(query, found.to_dicts() if found is not None else [], top_k)
            self._start(benchmark, began, {**attributes, "wbrag.release": release}).end(ended)

    def failed(self, benchmark: str, began: int, reason: str) -> None:
        """The span of a search that was refused or failed. reason: one of a few fixed words."""
        from opentelemetry.trace import Status, StatusCode

        span = self._start(benchmark, began, {"error.type": reason})
        span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _start(self, benchmark: str, began: int, attributes: Mapping[str, Any]) -> Span:
        from opentelemetry.trace import SpanKind

        of_all = {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.provider.name": "wbrag",
            "gen_ai.data_source.id": benchmark,
            "openinference.span.kind": "RETRIEVER",
        }
        return self._tracer.start_span(
            f"retrieval {benchmark}", kind=SpanKind.CLIENT, attributes={**of_all, **attributes}, start_time=began
        )

    def _of_query(self, query: str, found: Sequence[Mapping[str, Any]], top_k: int | None) -> dict[str, Any]:
        named = [{"id": row["passage_id"], "score": row["score"]} for row in found]
        attributes: dict[str, Any] = {
            "gen_ai.retrieval.documents": named,
            "wbrag.units": sum(row["origin"] == WRITEBACK for row in found),
        }
        if top_k is not None:
            attributes["gen_ai.retrieval.top_k"] = top_k
        if self._texts:
            attributes |= {"gen_ai.retrieval.query.text": query, "input.value": query, "input.mime_type": "text/plain"}
        for place, row in enumerate(found[:_MOST_DOCUMENTS]):
            document = f"retrieval.documents.{place}.document"
            attributes[f"{document}.id"] = row["passage_id"]
            attributes[f"{document}.score"] = row["score"]
            attributes[f"{document}.metadata"] = json.dumps({"origin": row["origin"], "sources": row["sources"]})
            if self._texts:
                attributes[f"{document}.content"] = row["text"]
        return attributes


def _is_sampled() -> bool:
    """Whether the request's span is exported: else those below it are not, and need not be made."""
    from opentelemetry.trace import get_current_span

    # By the flag: a library in between, as that of MCP, may have put a span of its own there that records nothing.
    above = get_current_span().get_span_context()
    return not above.is_valid or above.trace_flags.sampled


def spans_of_environment(*, texts: bool) -> ServiceSpans:
    """Spans to where the standard variables say (``OTEL_EXPORTER_OTLP_ENDPOINT`` …), or to this process' own provider.

    Raises MissingPartError where the extra is not installed.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as missing:
        raise MissingPartError("opentelemetry-sdk", _INSTALL) from missing
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):  # as opentelemetry-instrument sets one up
        return ServiceSpans(present, texts=texts)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as missing:
        raise MissingPartError("opentelemetry-exporter-otlp-proto-http", _INSTALL) from missing
    about = {"service.version": __version__}
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        about["service.name"] = "wbrag"
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return ServiceSpans(provider, texts=texts, close=provider.shutdown)
