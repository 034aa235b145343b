"""Logs as OpenTelemetry writes them: OTLP's JSON, one request a line, and what the console exporter prints.

- OTLP: ``resourceSpans`` and ``resourceLogs``, as the collector's file exporter writes them
  (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/).
- The SDK's console exporter: ``context``, ``parent_id``, ``start_time``, ``attributes``, ``events``.

Attributes are those of OpenTelemetry's conventions for generative AI (``gen_ai.input.messages``,
``gen_ai.output.messages``, ``gen_ai.conversation.id``,
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-events.md), of OpenInference
(``input.value``, ``retrieval.documents.0.document.id``, ``session.id``) and OpenLLMetry (``gen_ai.prompt.0.content``).

Feedback is the event ``gen_ai.evaluation.result`` of a span, or as a log record that names the span, and
OpenInference's ``annotations.0.annotation.name`` and so on. These do not say whether a person gave it, except for
OpenInference's ``annotator_kind``, so it counts by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wbrag_pipeline.datasets.files.records import RecordFile, records
from wbrag_pipeline.datasets.logs.feedback import Judgement
from wbrag_pipeline.datasets.logs.spans import Span, Traces, unflattened
from wbrag_pipeline.datasets.logs.times import moment_of

OTEL_COLUMNS = frozenset("resourceSpans resourceLogs context parent_id start_time attributes events".split())
_EVALUATION = "gen_ai.evaluation.result"


def is_otel(fields: Mapping[str, Any]) -> bool:
    """Whether a row with these fields is one of OpenTelemetry's."""
    return bool({"resourceSpans", "resourceLogs"} & set(fields)) or {"context", "attributes", "parent_id"} <= set(
        fields
    )


def read_otel(source: RecordFile, traces: Traces) -> None:
    """Add the spans and evaluations of a file. Raises InputError that names file, line and field."""
    for number, fields in records(source, OTEL_COLUMNS):
        place = f"{source.path}, {source.place(number)}"
        if "context" in fields:
            _console_span(source, number, fields, place, traces)
        for span in _listed(source, number, fields, "resourceSpans", "scopeSpans", "spans"):
            _otlp_span(source, number, span, place, traces)
        for record in _listed(source, number, fields, "resourceLogs", "scopeLogs", "logRecords"):
            attributes = unflattened(_attributes(source, number, record))
            if _EVALUATION in (record.get("eventName"), attributes.get("event.name")):
                of = record.get("spanId") or record.get("traceId")
                traces.judge(str(of), _evaluation(attributes, place))


def _otlp_span(source: RecordFile, number: int, span: Mapping[str, Any], place: str, traces: Traces) -> None:
    ids = [span.get(name) for name in ("traceId", "spanId", "parentSpanId")]
    attributes = unflattened(_attributes(source, number, span))
    events = [
        (event.get("name"), unflattened(_attributes(source, number, event)))
        for event in span.get("events") or []
        if isinstance(event, dict)
    ]
    _add(source, number, ids, ("startTimeUnixNano", span.get("startTimeUnixNano")), attributes, events, place, traces)


def _console_span(source: RecordFile, number: int, span: Mapping[str, Any], place: str, traces: Traces) -> None:
    context = span["context"] if isinstance(span["context"], dict) else {}
    ids = [context.get("trace_id"), context.get("span_id"), span.get("parent_id")]
    attributes = unflattened(span["attributes"]) if isinstance(span.get("attributes"), dict) else {}
    events = [
        (event.get("name"), unflattened(event.get("attributes") or {}))
        for event in span.get("events") or []
        if isinstance(event, dict)
    ]
    _add(source, number, ids, ("start_time", span.get("start_time")), attributes, events, place, traces)


def _add(
    source: RecordFile,
    number: int,
    ids: list[Any],
    began: tuple[str, object],
    attributes: dict[str, object],
    events: list[tuple[object, dict[str, object]]],
    place: str,
    traces: Traces,
) -> None:
    trace, span_id, parent = (str(value) if value else "" for value in ids)
    if not trace or not span_id:
        raise source.error("is missing", number, "spanId" if trace else "traceId", "every span has both")
    try:
        start = moment_of(began[1])
    except ValueError as error:
        raise source.error(str(error), number, began[0]) from None
    for name, found in events:
        if name == _EVALUATION:
            traces.judge(span_id, _evaluation(found, place))
    for name, of in (("annotations", span_id), ("evaluations", span_id), ("trace.annotations", trace)):
        for one in attributes.get(name) or []:  # type: ignore[attr-defined]
            if isinstance(one, dict):
                traces.judge(of, _annotation({key.partition(".")[2]: value for key, value in one.items()}, place))
    _of_messages(attributes)
    if str(attributes.get("openinference.span.kind")).upper() in ("RETRIEVER", "EMBEDDING"):
        attributes = {name: value for name, value in attributes.items() if name not in ("input.value", "output.value")}
    traces.add(Span(place, trace, span_id, parent, start, attributes))


def _of_messages(attributes: dict[str, object]) -> None:
    """OpenInference's numbered messages as the conventions' lists, where a span has no other."""
    for theirs, ours in (
        ("llm.input_messages", "gen_ai.input.messages"),
        ("llm.output_messages", "gen_ai.output.messages"),
    ):
        found = attributes.get(theirs)
        if isinstance(found, list) and ours not in attributes:
            plain = [{key.removeprefix("message."): value for key, value in one.items()} for one in found]
            attributes[ours] = plain


def _evaluation(attributes: Mapping[str, object], place: str) -> Judgement:
    label = attributes.get("gen_ai.evaluation.score.label")
    said = attributes.get("gen_ai.evaluation.explanation")
    values = (label, attributes.get("gen_ai.evaluation.score.value"))
    comment = said if isinstance(said, str) else ""
    right = comment or (label if isinstance(label, str) else "")
    return Judgement(place, str(attributes.get("gen_ai.evaluation.name") or ""), values, comment, right)


def _annotation(fields: Mapping[str, object], place: str) -> Judgement:
    label, said = fields.get("label"), fields.get("explanation")
    comment = said if isinstance(said, str) else ""
    right = comment or (label if isinstance(label, str) else "")
    by_person = str(fields.get("annotator_kind") or "HUMAN").upper() == "HUMAN"
    return Judgement(place, str(fields.get("name") or ""), (label, fields.get("score")), comment, right, by_person)


def _listed(source: RecordFile, number: int, fields: Mapping[str, Any], *path: str) -> Iterator[dict[str, Any]]:
    """The objects that are found by going down lists of objects."""
    found: list[Any] = [fields]
    for name in path:
        inner = [one.get(name) or [] for one in found]
        if not all(isinstance(items, list) and all(isinstance(one, dict) for one in items) for items in inner):
            raise source.error("must be a list of objects", number, name, "see OTLP's JSON encoding")
        found = [one for items in inner for one in items]
    yield from found


def _attributes(source: RecordFile, number: int, holder: Mapping[str, Any]) -> dict[str, object]:
    found = holder.get("attributes") or []
    if not isinstance(found, list):
        raise source.error("must be a list of keys with values", number, "attributes", "see OTLP's JSON encoding")
    return {str(one["key"]): _value(one.get("value")) for one in found if isinstance(one, dict) and "key" in one}


def _value(value: object) -> object:
    """The value of OTLP's AnyValue; whole numbers are written as text there."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "intValue":
        return int(inner) if str(inner).lstrip("-").isdigit() else inner
    if kind == "arrayValue" and isinstance(inner, dict):
        return [_value(one) for one in inner.get("values") or []]
    if kind == "kvlistValue" and isinstance(inner, dict):
        return {str(one.get("key")): _value(one.get("value")) for one in inner.get("values") or []}
    return inner
