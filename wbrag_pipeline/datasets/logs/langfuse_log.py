"""Logs that Langfuse exports, as JSON, JSONL, CSV or Parquet; keys in camelCase or with underscores.

- A trace, or a list of traces: ``id``, ``timestamp``, ``input``, ``output``, ``sessionId``, ``userId``, and beside them
  or inside ``observations`` and ``scores``. So the interface's "Download JSON" and the API write them
  (https://langfuse.com/faq/all/export-single-trace-or-session); a session's file has them under ``traces``.
- Observations and scores in files of their own, as the export to blob storage writes them: ``observations_v2/`` with
  ``trace_id``, ``parent_observation_id``, ``start_time``, ``input``, ``output``, ``session_id``, ``user_id``, and
  ``scores/`` with ``trace_id``, ``name``, ``value``, ``string_value``, ``data_type``, ``source``, ``comment``
  (https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields). Put them into one folder.

A correction is a score of the data type CORRECTION whose value is the right answer
(https://langfuse.com/docs/observability/features/corrections). A score of the source EVAL was given by a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wbrag_pipeline.datasets.files.records import RecordFile, records
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value
from wbrag_pipeline.datasets.logs.feedback import Judgement
from wbrag_pipeline.datasets.logs.spans import Span, Traces
from wbrag_pipeline.datasets.logs.times import moment_of

_NAMES = {
    "traceId": "trace_id",
    "observationId": "observation_id",
    "sessionId": "session_id",
    "userId": "user_id",
    "startTime": "start_time",
    "parentObservationId": "parent_observation_id",
    "dataType": "data_type",
    "stringValue": "string_value",
}
LANGFUSE_COLUMNS = frozenset(
    "id type timestamp name value source comment input output observations scores trace traces trace_id session_id "
    "observation_id user_id start_time parent_observation_id data_type string_value".split()
) | frozenset(_NAMES)


def is_langfuse(fields: Mapping[str, Any]) -> bool:
    """Whether a row with these fields is one of Langfuse's."""
    names = {_NAMES.get(name, name) for name in fields}
    if {"trace", "observations"} <= names or {"traces", "id"} <= names:
        return True
    if "trace_id" in names and (names & {"parent_observation_id", "data_type"} or {"start_time", "type"} <= names):
        return True
    own = {"sessionId", "userId", "projectId", "project_id", "observations", "scores"}
    return {"id", "timestamp", "input", "output"} <= names and bool(own & set(fields))


def read_langfuse(source: RecordFile, traces: Traces) -> None:
    """Add the traces, observations and scores of a file. Raises InputError that names file, line and field."""
    for number, fields in records(source, LANGFUSE_COLUMNS):
        _read(source, number, fields, traces)


def _read(source: RecordFile, number: int, fields: Mapping[str, Any], traces: Traces) -> None:
    row = {_NAMES.get(name, name): value for name, value in fields.items()}
    if isinstance(row.get("trace"), dict):
        _read(source, number, {**row["trace"], **{key: row.get(key) for key in ("observations", "scores")}}, traces)
    elif isinstance(row.get("traces"), list):
        for trace in _objects(source, number, row, "traces"):
            _read(source, number, {"sessionId": row.get("id"), **trace}, traces)
    elif row.get("trace_id") and "data_type" in row:
        _score(source, number, row, traces)
    elif row.get("trace_id"):
        traces.add(_span(source, number, row, trace=str(row["trace_id"]), parent=_text(row, "parent_observation_id")))
    elif row.get("id"):
        _trace(source, number, row, traces)
    else:
        raise source.error(
            "is missing", number, "id", "a trace of Langfuse has an id, a score and an observation traceId"
        )


def _trace(source: RecordFile, number: int, row: Mapping[str, Any], traces: Traces) -> None:
    trace = str(row["id"])
    traces.add(_span(source, number, row, trace=trace, parent=""))
    for observation in _objects(source, number, row, "observations"):
        inner = {_NAMES.get(name, name): value for name, value in observation.items()}
        parent = _text(inner, "parent_observation_id") or trace
        traces.add(_span(source, number, inner, trace=trace, parent=parent))
    scores = _opened(row.get("scores"))
    if isinstance(scores, dict):  # the table's export: each name with its values
        for name, value in scores.items():
            for one in value if isinstance(value, list) else [value]:
                traces.judge(trace, Judgement(_place(source, number), str(name), (one,)))
        return
    for score in _objects(source, number, {"scores": scores}, "scores"):
        _score(source, number, {"trace_id": trace, **{_NAMES.get(k, k): v for k, v in score.items()}}, traces)


def _score(source: RecordFile, number: int, row: Mapping[str, Any], traces: Traces) -> None:
    kind, by_person = _text(row, "data_type").upper(), _text(row, "source").upper() != "EVAL"
    name, place = _text(row, "name"), _place(source, number)
    said, comment = _text(row, "string_value"), _text(row, "comment")
    right = said or (_text(row, "value") if kind in ("CORRECTION", "TEXT") else comment)
    values = (row.get("value"),) if kind == "NUMERIC" else (said or None, row.get("value"))
    one = Judgement(place, name, values, comment, right, by_person, corrects=kind == "CORRECTION")
    traces.judge(str(row["trace_id"]), one)


def _span(source: RecordFile, number: int, row: Mapping[str, Any], *, trace: str, parent: str) -> Span:
    field = "start_time" if row.get("start_time") else "timestamp"
    try:
        start = moment_of(row.get(field))
    except ValueError as error:
        raise source.error(str(error), number, field) from None
    retrieves = _text(row, "type").upper() == "RETRIEVER"
    attributes = {
        # A retriever is asked what the application made of the question, and answers with passages.
        "input.value": None if retrieves else row.get("input"),
        "output.value": None if retrieves else row.get("output"),
        "retrieval.documents": row.get("output") if retrieves else None,
        "session.id": row.get("session_id"),
        "user.id": row.get("user_id"),
    }
    return Span(_place(source, number), trace, _text(row, "id") or trace, parent, start, attributes)


def _objects(source: RecordFile, number: int, row: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    found = _opened(row.get(field))
    if found in (None, ""):
        return []
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return []  # the API's list of traces has ids alone here
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise source.error("must be a list of objects", number, field, "export the traces with their scores")
    return found


def _opened(value: object) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json_value(value)
        except BadJson:
            return value
    return value


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    return "" if value is None or value != value else str(value).strip()


def _place(source: RecordFile, number: int) -> str:
    return f"{source.path}, {source.place(number)}"
