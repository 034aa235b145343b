"""Logs as the tools write them: what each reader takes, how a format is told, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, ColumnMap
from wbrag_pipeline.datasets.logs.log_files import LOG_NAMES, Log, format_of, read_log
from wbrag_pipeline.errors import InputError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NANOS = str(int(NOON.timestamp()) * 10**9)


def lines(file: Path, *rows: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def read(path: Path, columns: str = "", up_from: float | None = None) -> Log:
    named = ColumnMap.parse(columns, LOG_NAMES) if columns else AS_IN_FILE
    return read_log(path, format_of(path), named, up_from)


def the_answer(path: Path, columns: str = "", up_from: float | None = None) -> dict[str, Any]:
    (row,) = read(path, columns, up_from).table.to_dicts()
    return row


def langfuse_trace(**more: Any) -> dict[str, Any]:
    return {
        "id": "t1",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "input": {"question": "Who leads sales?"},
        "output": "Ann",
        "sessionId": "s1",
        "userId": "u1",
        "observations": [],
        "scores": [{"id": "c", "name": "user-feedback", "value": 1, "dataType": "NUMERIC", "source": "API"}],
        **more,
    }


def phoenix_span(**more: Any) -> dict[str, Any]:
    return {
        "name": "ask",
        "context": {"trace_id": "t1", "span_id": "a"},
        "span_kind": "CHAIN",
        "parent_id": None,
        "start_time": "2026-03-01T12:00:00+00:00",
        "attributes": {"input.value": "Who leads sales?", "output.value": "Ann", "session.id": "s1"},
        "annotations": [
            {"name": "correctness", "annotator_kind": "HUMAN", "result": {"label": "correct", "score": 0.9}},
            {"name": "correctness", "annotator_kind": "LLM", "result": {"label": "incorrect", "score": 0}},
        ],
        **more,
    }


def otlp(*attributes: tuple[str, Any], events: Any = (), span: str = "a", parent: str = "") -> dict[str, Any]:
    def value(given: Any) -> dict[str, Any]:
        return {"stringValue": given} if isinstance(given, str) else {"doubleValue": given}

    def keyed(pairs: Any) -> list[dict[str, Any]]:
        return [{"key": key, "value": value(given)} for key, given in pairs]

    made = {
        "traceId": "t1",
        "spanId": span,
        "parentSpanId": parent,
        "startTimeUnixNano": NANOS,
        "attributes": keyed(attributes),
        "events": [{"name": name, "attributes": keyed(pairs)} for name, pairs in events],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]}


MESSAGES = json.dumps(
    [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Who leads sales?"}]},
    ]
)
REPLY = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Ann"}], "finish_reason": "stop"}])
GOOD = ("gen_ai.evaluation.result", [("gen_ai.evaluation.name", "thumbs"), ("gen_ai.evaluation.score.value", 1.0)])


@pytest.mark.parametrize(
    ("format", "rows"),
    [
        ("jsonl", [{"query": "Who leads sales?", "response": "Ann", "thumbs": "👍🏽", "session_id": "s1"}]),
        ("langfuse", [langfuse_trace()]),
        ("langfuse", [{"trace": langfuse_trace(scores=[]), "observations": [], "scores": langfuse_trace()["scores"]}]),
        ("langfuse", [{"id": "s1", "traces": [langfuse_trace(sessionId=None) | {"sessionId": "s1"}]}]),
        (
            "langfuse",
            [
                {"id": "o1", "trace_id": "t1", "type": "SPAN", "parent_observation_id": "", "session_id": "s1"}
                | {"start_time": "2026-03-01 12:00:00.000000", "input": '"Who leads sales?"', "output": "Ann"},
                {"id": "c1", "trace_id": "t1", "name": "feedback", "value": 1, "string_value": None}
                | {"data_type": "BOOLEAN", "source": "ANNOTATION", "comment": None},
            ],
        ),
        ("phoenix", [phoenix_span()]),
        (
            "phoenix",
            [
                {"context.span_id": "a", "context.trace_id": "t1", "parent_id": None, "attributes.session.id": "s1"}
                | {"start_time": 1772366400000, "attributes.input.value": "Who leads sales?"}
                | {"attributes.output.value": "Ann", "span_kind": "CHAIN"},
                {"span_id": "a", "annotation_name": "thumbs", "annotator_kind": "HUMAN", "result.label": "thumbs-up"}
                | {"result.score": None, "result.explanation": None},
            ],
        ),
        (
            "otel",
            [
                otlp(
                    ("gen_ai.input.messages", MESSAGES),
                    ("gen_ai.output.messages", REPLY),
                    ("gen_ai.conversation.id", "s1"),
                    events=[GOOD],
                )
            ],
        ),
        (
            "otel",
            [
                {
                    "name": "chat",
                    "context": {"trace_id": "0x1", "span_id": "0x2"},
                    "parent_id": None,
                    "start_time": "2026-03-01T12:00:00Z",
                    "attributes": {
                        "gen_ai.prompt.0.role": "user",
                        "gen_ai.prompt.0.content": "Who leads sales?",
                        "gen_ai.completion.0.role": "assistant",
                        "gen_ai.completion.0.content": "Ann",
                        "session.id": "s1",
                        "annotations.0.annotation.name": "thumbs",
                        "annotations.0.annotation.label": "up",
                    },
                    "events": [],
                }
            ],
        ),
    ],
)
def test_every_tool_says_the_same(tmp_path: Path, format: str, rows: list[Any]) -> None:
    file = lines(tmp_path / "log.jsonl", *rows)
    assert format_of(file) == format
    found = the_answer(file)
    said = (found["question"], found["answer"], found["session"], found["up"], found["down"])
    assert said == ("Who leads sales?", "Ann", "s1", True, False)
    assert found["asked_at"] == (None if format == "jsonl" else NOON)


def test_a_csv_of_ones_own_with_names_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("frage;antwort;sterne;wann;passages\nWer?;Ann;4;2026-03-01T12:00:00Z;p1|p2\nWann?;nie;2;;\n")
    assert format_of(file) == "csv"
    named = "question=frage,answer=antwort,feedback=sterne,time=wann"
    with pytest.raises(InputError, match=r"line 2.*sterne.*--up-from"):
        read(file, named)
    rows = read(file, named, up_from=4.0).table.to_dicts()
    assert [(row["up"], row["down"], row["asked_at"], row["passages"]) for row in rows] == [
        (True, False, NOON, ["p1", "p2"]),
        (False, True, None, []),
    ]


def test_a_langfuse_correction_is_the_right_answer_and_a_judges_score_is_nothing(tmp_path: Path) -> None:
    scores = [
        {"name": "output", "value": "Bob", "stringValue": "Bob", "dataType": "CORRECTION", "source": "ANNOTATION"},
        {"name": "feedback", "value": 0, "dataType": "NUMERIC", "source": "EVAL"},
        {"name": "tone", "value": 3, "dataType": "NUMERIC", "source": "API"},
    ]
    documents = [{"id": "p7", "text": "Ann leads."}, {"page_content": "Bob leads.", "metadata": {"id": "p8"}}]
    observations = [{"id": "o", "type": "RETRIEVER", "input": "who?", "output": documents}]
    log = read(lines(tmp_path / "log.jsonl", langfuse_trace(scores=scores, observations=observations)))
    (found,) = log.table.to_dicts()
    assert (found["correction"], found["up"], found["down"]) == ("Bob", False, False)
    assert found["passages"] == ["p7", "p8"] and [*log.notes.values()] == [1]
    assert read(lines(tmp_path / "b.jsonl", langfuse_trace(scores=scores)), "feedback=tone", 3.0).table["up"].all()


def test_scores_in_a_file_of_their_own_are_joined_and_orphans_are_told(tmp_path: Path) -> None:
    lines(tmp_path / "log" / "b_traces.jsonl", langfuse_trace(scores=[]), langfuse_trace(id="t2", input={}, scores=[]))
    score = {"name": "thumbs", "dataType": "CATEGORICAL", "stringValue": "down", "source": "API", "value": 0}
    lines(tmp_path / "log" / "a_scores.jsonl", {"traceId": "t1", **score}, {"traceId": "lost", **score})
    log = read(tmp_path / "log")
    assert log.table["down"].to_list() == [True]
    assert log.notes == {"traces without a question": 1, "scores of answers that are not in the log": 1}


def test_a_correction_in_phoenix_and_a_retriever_below(tmp_path: Path) -> None:
    said = {"name": "correction", "annotator_kind": "HUMAN", "result": {"label": "edited", "explanation": "Bob"}}
    below = phoenix_span(
        context={"trace_id": "t1", "span_id": "b"},
        parent_id="a",
        span_kind="RETRIEVER",
        attributes={"retrieval": {"documents": [{"document": {"id": "p1", "content": "x"}}]}, "input": {"value": "w"}},
        annotations=[],
    )
    found = the_answer(lines(tmp_path / "log.jsonl", below, phoenix_span(annotations=[said])))
    assert (found["question"], found["correction"], found["passages"]) == ("Who leads sales?", "Bob", ["p1"])


def test_an_answer_that_is_exported_twice_counts_once_with_all_that_was_said(tmp_path: Path) -> None:
    row = {"question": "Who?", "answer": "Ann", "time": "2026-03-01T12:00:00Z", "session": "s"}
    lines(tmp_path / "log" / "week1.jsonl", row)
    lines(tmp_path / "log" / "week2.jsonl", {**row, "feedback": "up"}, {**row, "session": "other"})
    assert read(tmp_path / "log").table.select("session", "up").rows() == [("s", True), ("other", False)]
    same_id = lines(tmp_path / "b.jsonl", {"id": 7, "question": "a?"}, {"id": 7, "question": "b?"})
    assert read(same_id).table.height == 2  # an id of a conversation hides no question
    assert read(tmp_path / "log").notes == {"answers that stand there twice": 1} and not read(same_id).notes


@pytest.mark.parametrize("spelt", [str.title, str.upper, lambda name: f" {name} "])
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_names_of_columns_are_known_in_any_letters(tmp_path: Path, ending: str, spelt: Callable[[str], str]) -> None:
    row = {"query": "Who?", "response": "Ann", "rating": "1", "timestamp": "2026-03-01T12:00:00Z", "user": "u"}
    frame, file = pl.DataFrame([{spelt(name): value for name, value in row.items()}]), tmp_path / f"log.{ending}"
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[ending](file)
    found = the_answer(file)
    assert (found["question"], found["answer"], found["up"]) == ("Who?", "Ann", True)
    assert (found["asked_at"], found["session"]) == (NOON, "u")


@pytest.mark.parametrize("silent", [{}, {"question": None}, {"question": ""}, {"question": " \t"}, {"question": "nan"}])
def test_rows_without_a_question_are_counted_and_do_not_stop_the_others(
    tmp_path: Path, silent: dict[str, str | None]
) -> None:
    row = {**silent, "answer": "x", "feedback": "up"}
    log = read(lines(tmp_path / "log.jsonl", row, {"question": "Who?", "answer": "Ann"}, row))
    assert log.table["question"].to_list() == ["Who?"] and log.notes == {"rows without a question": 2}
    with pytest.raises(InputError, match=r"line 1, field 'question'"):
        read(lines(tmp_path / "all.jsonl", row, row))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": ""}, "line 1, field 'question'"),
        ({"answer": "x"}, "line 1, field 'question'"),
        ({"question": "a", "feedback": "meh"}, "line 1, field 'feedback'.*neither good nor bad"),
        ({"question": "a", "rating": 5}, "line 1, field 'rating'.*--up-from"),
        ({"question": "a", "time": "noon"}, "line 1, field 'time'"),
        ({"question": "a", "time": 1e300}, "line 1, field 'time'"),
        ({"question": "a", "correction": ["x"]}, "line 1, field 'correction'"),
        ({"question": "a\ud800"}, "line 1, field 'question'.*surrogate"),
        (langfuse_trace(timestamp="noon"), "line 1, field 'timestamp'"),
        (langfuse_trace(scores=3), "line 1, field 'scores'"),
        (langfuse_trace(scores=[{"name": "rating", "value": 4}]), "line 1.*rating.*--up-from"),
        (phoenix_span(start_time="noon"), "line 1, field 'start_time'"),
        (phoenix_span(context={"trace_id": "t"}), "line 1, field 'context.span_id'"),
        ({"resourceSpans": [{"scopeSpans": 5}]}, "line 1, field 'scopeSpans'"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "t"}]}]}]}, "line 1, field 'spanId'"),
        ({"resourceSpans": []}, "holds no questions"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=message):
        read(file)


def test_formats_are_not_mixed(tmp_path: Path) -> None:
    lines(tmp_path / "log" / "a.jsonl", {"question": "a"})
    lines(tmp_path / "log" / "b.jsonl", langfuse_trace())
    with pytest.raises(InputError, match="several formats"):
        format_of(tmp_path / "log")
    with pytest.raises(InputError, match="time cannot be named"):
        read(tmp_path / "log" / "b.jsonl", "time=when")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        format_of(tmp_path / "empty")
