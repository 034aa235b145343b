"""Logs of plain rows, JSONL or CSV (also JSON and Parquet): one row an answer, its columns told by their names."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

from wbrag_pipeline.datasets.files.column_map import ColumnMap
from wbrag_pipeline.datasets.files.quoting import names_shown
from wbrag_pipeline.datasets.files.records import RecordFile, check_unicode, kind_of, records
from wbrag_pipeline.datasets.files.row_shapes import BadShape, Shape, ShapedRow, Shapes
from wbrag_pipeline.datasets.gold_answers import is_missing
from wbrag_pipeline.datasets.logs.chat_texts import answer_in, question_in, shown_passages
from wbrag_pipeline.datasets.logs.feedback import CORRECTION_NAMES, BadFeedback, thumb_of
from wbrag_pipeline.datasets.logs.logged_answer import LoggedAnswer
from wbrag_pipeline.datasets.logs.times import moment_of
from wbrag_pipeline.errors import InputError

PLAIN_LOG = Shape(
    "a log of answers",
    frozenset({"question"}),
    {
        "id": ("id", "log_id", "message_id"),
        "question": ("question", "query", "prompt", "input", "user_input", "user_message"),
        "answer": ("answer", "response", "output", "completion", "generated_answer", "assistant_message"),
        "passages": ("passages", "passage_ids", "retrieved_ids", "retrieved_contexts", "contexts", "documents"),
        "feedback": ("feedback", "user_feedback", "thumbs", "thumb", "vote", "rating", "score", "label"),
        "correction": tuple(sorted(CORRECTION_NAMES)),
        "time": ("time", "timestamp", "asked_at", "created_at", "datetime", "date"),
        "session": ("session", "session_id", "sessionid", "conversation_id", "thread_id", "chat_id"),
        "user": ("user", "user_id", "userid"),
        "comment": ("comment", "feedback_comment", "note"),
    },
)
_BAR = "|"  # between passages in a cell of CSV
_SILENT = "rows without a question"


def plain_answers(
    source: RecordFile, columns: ColumnMap, up_from: float | None, notes: dict[str, int]
) -> list[LoggedAnswer]:
    """The answers in a file of plain rows. notes: takes the number of rows that ask nothing.

    Raises InputError that names file, line and field, also where no row asks anything.
    """
    shapes = Shapes((), PLAIN_LOG, columns)
    found, silent, first = list[LoggedAnswer](), 0, None
    for number, fields in records(source, shapes.columns):
        try:
            for row in shapes.rows(fields):
                question = _question(source, number, row)
                if question:
                    found.append(_answer(source, number, row, question, up_from))
                else:
                    silent, first = silent + 1, first or (number, row)
        except BadShape as bad:
            raise source.error(bad.problem, number, bad.field, bad.hint) from None
    if not found and first:
        raise _no_question(source, *first)
    if silent:
        notes[_SILENT] = notes.get(_SILENT, 0) + silent
    return found


def _answer(source: RecordFile, number: int, row: ShapedRow, question: str, up_from: float | None) -> LoggedAnswer:
    def value(ours: str) -> Any:
        return row.fields.get(row.column(ours))

    def text(ours: str) -> str:
        found = value(ours)
        if found is None or found != found or (isinstance(found, str) and is_missing(found)):
            return ""
        if not isinstance(found, (str, int)) or isinstance(found, bool):
            problem = f"must be text, not {kind_of(found)}"
            raise source.error(problem, number, row.column(ours), "put the value in quotes")
        check_unicode(source, number, row.column(ours), str(found))
        return str(found).strip()

    try:
        thumb = thumb_of(value("feedback"), up_from)
    except BadFeedback as bad:
        raise source.error(bad.problem, number, row.column("feedback"), bad.hint) from None
    try:
        asked_at = moment_of(value("time"))
    except ValueError as error:
        hint = "write it as 2026-11-22T18:00:00+01:00, or in seconds or milliseconds since 1970"
        raise source.error(str(error), number, row.column("time"), hint) from None
    given = value("answer")
    answer = answer_in(given) if not isinstance(given, str) or not is_missing(given) else ""
    check_unicode(source, number, row.column("answer"), answer)
    return LoggedAnswer(
        place=_place(source, number),
        question=question,
        log_id=text("id"),
        answer=normalize("NFC", answer),
        passages=_passages(value("passages"), source.format == "csv"),
        asked_at=asked_at,
        session=text("session") or text("user") or None,
        up=thumb == "up",
        down=thumb == "down",
        correction=normalize("NFC", text("correction")),
        comment=text("comment"),
    )


def _question(source: RecordFile, number: int, row: ShapedRow) -> str:
    """The question of a row, "" where it has none."""
    field = row.column("question")
    question = question_in(row.fields.get(field))
    if is_missing(question):
        return ""
    check_unicode(source, number, field, question)
    return normalize("NFC", question)


def _no_question(source: RecordFile, number: int, row: ShapedRow) -> InputError:
    field = row.column("question")
    if field in row.fields:
        return source.error("holds no question, and neither does any other row", number, field)
    hint = f"fields on this {source.place(number)}: {names_shown(row.fields)}; name it with --map question=…"
    return source.error("is missing", number, field, hint)


def _passages(value: object, bars: bool) -> tuple[str, ...]:
    if bars and isinstance(value, str) and not value.lstrip().startswith("["):
        return tuple(part.strip() for part in value.split(_BAR) if not is_missing(part))
    return shown_passages(value)


def _place(source: RecordFile, number: int) -> str:
    return f"{source.path}, {source.place(number)}"
