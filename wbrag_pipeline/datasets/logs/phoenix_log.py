"""Logs that Arize Phoenix exports: spans with OpenInference's attributes, and annotations.

- Spans of ``Client().spans.get_spans_dataframe()`` written as JSONL, CSV or Parquet: columns ``context.span_id``,
  ``context.trace_id``, ``parent_id``, ``start_time``, ``attributes.input.value`` …; of the REST API and ``px span list
  --include-annotations --format raw``: ``context`` and ``attributes`` as objects, ``annotations`` as a list.
- Annotations of ``get_span_annotations_dataframe()`` in a file beside them: ``span_id``, ``annotation_name``,
  ``annotator_kind``, ``result.label``, ``result.score``, ``result.explanation``. Put both files into one folder.

Sources: https://arize.com/docs/phoenix/tracing/how-to-tracing/feedback-and-annotations/capture-feedback and
https://arize.com/docs/phoenix/tracing/how-to-tracing/importing-and-exporting-traces/exporting-annotated-spans. The
attributes are those of https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md.

An annotation by a HUMAN is feedback, one by LLM or CODE is not. One that is called ``correction`` holds the right
answer as its explanation, or else as its label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wbrag_pipeline.datasets.files.records import RecordFile, records
from wbrag_pipeline.datasets.logs.feedback import Judgement
from wbrag_pipeline.datasets.logs.spans import Span, Traces, unflattened
from wbrag_pipeline.datasets.logs.times import moment_of

_ATTRIBUTES = (
    "input.value output.value session.id user.id retrieval.documents reranker.output_documents openinference.span.kind"
).split()
PHOENIX_COLUMNS = frozenset(
    "context context.span_id context.trace_id span_id trace_id parent_id start_time attributes annotations spans "
    "annotation_name name annotator_kind result result.label result.score result.explanation label score "
    "explanation".split()
) | frozenset(f"attributes.{name}" for name in _ATTRIBUTES)


def is_phoenix(fields: Mapping[str, Any]) -> bool:
    """Whether a row with these fields is one of Phoenix's."""
    names = set(fields)
    if {"context.span_id", "context.trace_id"} <= names or {"traceId", "spans"} <= names:
        return True
    if "annotator_kind" in names and "span_id" in names:
        return True
    return {"context", "attributes", "span_kind"} <= names


def read_phoenix(source: RecordFile, traces: Traces) -> None:
    """Add the spans and annotations of a file. Raises InputError that names file, line and field."""
    for number, fields in records(source, PHOENIX_COLUMNS):
        spans = fields.get("spans")
        for row in spans if isinstance(spans, list) else [fields]:
            if not isinstance(row, dict):
                raise source.error("must be a list of objects", number, "spans")
            _read(source, number, row, traces)
        if isinstance(spans, list):
            _annotations(source, number, fields, str(fields.get("traceId")), traces)


def _read(source: RecordFile, number: int, row: Mapping[str, Any], traces: Traces) -> None:
    flat = unflattened(row)
    if "annotator_kind" in row:
        traces.judge(_id(source, number, flat, "span_id"), _judgement(source, number, flat))
        return
    span_id = _id(source, number, flat, "context.span_id", "span_id")
    attributes = {
        name.removeprefix("attributes."): value for name, value in flat.items() if name.startswith("attributes.")
    }
    try:
        start = moment_of(row.get("start_time"))
    except ValueError as error:
        raise source.error(str(error), number, "start_time") from None
    if str(attributes.get("openinference.span.kind", row.get("span_kind"))).upper() in ("RETRIEVER", "EMBEDDING"):
        attributes = {name: value for name, value in attributes.items() if name not in ("input.value", "output.value")}
    trace, parent = _id(source, number, flat, "context.trace_id", "trace_id"), row.get("parent_id")
    parent_id = parent if isinstance(parent, str) else ""
    place = f"{source.path}, {source.place(number)}"
    traces.add(Span(place, trace, span_id, parent_id, start, attributes))
    _annotations(source, number, row, span_id, traces)


def _annotations(source: RecordFile, number: int, row: Mapping[str, Any], of: str, traces: Traces) -> None:
    for one in row.get("annotations") or []:
        if not isinstance(one, dict):
            raise source.error("must be a list of objects", number, "annotations")
        traces.judge(of, _judgement(source, number, unflattened(one)))


def _judgement(source: RecordFile, number: int, flat: Mapping[str, Any]) -> Judgement:
    def first(*names: str) -> Any:
        return next((flat[name] for name in names if flat.get(name) is not None), None)

    label, score = first("result.label", "label"), first("result.score", "score")
    said = first("result.explanation", "explanation")
    comment = said if isinstance(said, str) else ""
    by_person = str(first("annotator_kind") or "HUMAN").upper() == "HUMAN"
    place = f"{source.path}, {source.place(number)}"
    right = comment or (label if isinstance(label, str) else "")
    name = str(first("annotation_name", "name") or "")
    return Judgement(place, name, (label, score), comment, right, by_person)


def _id(source: RecordFile, number: int, flat: Mapping[str, Any], *names: str) -> str:
    value = next((flat[name] for name in names if flat.get(name) not in (None, "")), None)
    if not isinstance(value, (str, int)):
        hint = "write the span ids as a column: df.reset_index().to_json(…, orient='records', lines=True)"
        raise source.error("is missing", number, names[0], hint)
    return str(value)
