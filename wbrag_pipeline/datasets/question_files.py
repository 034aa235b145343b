"""Benchmark splits into the table SPLIT: FlashRAG JSONL, plain JSONL, CSV, Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline.datasets.metrics import normalize_answer
from wbrag_pipeline.datasets.quoting import names_shown, shown
from wbrag_pipeline.datasets.records import RecordFile, check_ids, check_unicode, id_of, kind_of, records, text_field
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.tables import SPLIT

ANSWER_FIELDS = ("golden_answers", "answers", "answer")
CSV_SEPARATOR = "|"
_COLUMNS = frozenset({"id", "question", *ANSWER_FIELDS})


def read_questions(path: Path, task: Task | None = None, *, answers: bool = True) -> pl.DataFrame:
    """Read one split into SPLIT (question_id, question, golden_answers), one row a question, in file order.

    path: ``.jsonl`` / ``.csv`` (also ``.gz`` / ``.zst``) or ``.parquet`` with ``question`` and one of
        ``golden_answers`` or ``answers`` (a list of text) or ``answer`` (text or such a list). In CSV all three are
        text, with ``|`` between the answers. Without an ``id`` a row's id is the file's stem and the row's number
        from 1: ``train_1``.
    task: where given, and where it has choices, every gold answer must be one of them and is given in its canonical
        form, so that gold "yes" and the generator's "True" are the same answer.
    answers: False for unlabelled questions: ``golden_answers`` is empty, whatever the file has.

    Raises one InputError that names file, line, field and the fix: no such path, broken row, missing field, empty
    question, answers of the wrong type, repeated id, no rows.
    """
    return read_numbered_questions(path, task, answers=answers).drop("number")


def read_numbered_questions(path: Path, task: Task | None = None, *, answers: bool = True) -> pl.DataFrame:
    """``read_questions`` with a column ``number`` (UInt32) in front: the line, or row for Parquet, in the file."""
    source = RecordFile.at(path)
    rows: list[tuple[int, str, str, list[str]]] = []
    for number, fields in records(source, _COLUMNS):
        # An id column that is there must be filled in: half a column of ids would hide a lost one.
        question_id = id_of(source, number, fields) if "id" in fields else f"{source.stem}_{len(rows) + 1}"
        question = text_field(source, number, fields, "question")
        golden = _answers(source, number, fields, task) if answers else []
        rows.append((number, question_id, question, golden))
    frame = pl.DataFrame(rows, schema=pl.Schema({"number": pl.UInt32(), **SPLIT.schema}), orient="row")
    return check_ids(source, frame, "question_id")


def shared_questions(train: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """Questions that stand in both splits after normalisation (case, punctuation, articles and blanks aside).

    train, test: SPLIT tables. Returns one row a training question with a twin: train_id, test_id (its first
    twin's), question (as training words it), in training order. An honest evaluation has none.
    """
    twins: dict[str, str] = {}
    for question_id, question in test.select("question_id", "question").iter_rows():
        twins.setdefault(_normal(question), question_id)
    rows = [
        (question_id, twins[normal], question)
        for question_id, question in train.select("question_id", "question").iter_rows()
        if (normal := _normal(question)) in twins
    ]
    schema = pl.Schema({"train_id": pl.String, "test_id": pl.String, "question": pl.String})
    return pl.DataFrame(rows, schema=schema, orient="row")


def _normal(question: str) -> str:
    # "???" normalises to nothing; it is compared as it stands, or all such questions would be twins.
    return normalize_answer(question) or question.strip()


def _answers(source: RecordFile, number: int, fields: dict[str, Any], task: Task | None) -> list[str]:
    field = next((name for name in ANSWER_FIELDS if name in fields), None)
    if field is None:
        there = names_shown(fields)
        hint = f"a row has one of {', '.join(ANSWER_FIELDS)}; fields on this {source.place(number)}: {there}"
        raise source.error("is missing", number, ANSWER_FIELDS[0], hint=hint)
    value = fields[field]
    if source.format == "csv":
        value = [answer for answer in value.split(CSV_SEPARATOR) if answer.strip()]
    elif field == "answer" and isinstance(value, str):
        value = [value]
    hint = 'write a list of text, for example ["Paris", "City of Paris"]'
    if not isinstance(value, list):
        raise source.error(f"must be a list of text, not {kind_of(value)}", number, field, hint)
    if not value:
        raise source.error("holds no answer", number, field, "give at least one answer or take the row out")
    return [_answer(source, number, field, answer, task) for answer in value]


def _answer(source: RecordFile, number: int, field: str, value: object, task: Task | None) -> str:
    if not isinstance(value, str):
        raise source.error(f"must hold text only, not {kind_of(value)}", number, field, "put every answer in quotes")
    answer = value.strip()
    if not answer:
        raise source.error("holds an empty answer", number, field, "give at least one answer or take the row out")
    check_unicode(source, number, field, answer)
    if task is not None and task.choices:
        answer = task.parse(answer)
        if answer not in task.choices:
            problem = f"{shown(value)} is no answer to a {task.name} question"
            raise source.error(problem, number, field, f"one of {', '.join(task.choices)}")
    return answer
