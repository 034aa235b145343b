"""Benchmark splits into the table SPLIT, from files of any shape in ``question_shapes``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import polars as pl

from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, ColumnMap
from wbrag_pipeline.datasets.files.quoting import names_shown, shown
from wbrag_pipeline.datasets.files.records import RecordFile, check_ids, check_unicode, id_of, records, text_field
from wbrag_pipeline.datasets.files.row_shapes import BadShape, ShapedRow, Shapes
from wbrag_pipeline.datasets.gold_answers import BadAnswers, gold_answers
from wbrag_pipeline.datasets.question_shapes import QUESTION_SHAPES, USUAL_QUESTIONS
from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.datasets.wording import same_question
from wbrag_pipeline.tables import SPLIT


def read_questions(
    path: Path, task: Task | None = None, *, answers: bool = True, columns: ColumnMap = AS_IN_FILE
) -> pl.DataFrame:
    """Read one split into SPLIT (question_id, question, golden_answers), one row a question, in file order.

    path: JSON, JSONL or CSV (also ``.gz`` / ``.zst``) or Parquet, of a shape in ``question_shapes``. Answers are read
        as ``gold_answers`` says; in CSV ``|`` stands between them. Without an id a question's id is the file's stem
        and its number from 1: ``train_1``. Questions and answers are given in Unicode's form NFC.
    task: where given, and where it has choices, every gold answer must be one of them and is given in its canonical
        form, so that gold "yes" and the generator's "True" are the same answer.
    answers: False for unlabelled questions: ``golden_answers`` is empty, whatever the file has.
    columns: which columns are meant, where the file has names of its own.

    Raises one InputError that names file, line, field and the fix: no such path, broken row, missing field, empty
    question, a missing answer or one of the wrong type, repeated id, no rows.
    """
    return read_numbered_questions(path, task, answers=answers, columns=columns).drop("number")


def read_numbered_questions(
    path: Path, task: Task | None = None, *, answers: bool = True, columns: ColumnMap = AS_IN_FILE
) -> pl.DataFrame:
    """``read_questions`` with a column ``number`` (UInt32) in front: the line, or row for Parquet, in the file."""
    source = RecordFile.at(path)
    rows: list[tuple[int, str, str, list[str]]] = []
    given = columns if answers else ColumnMap(tuple(pair for pair in columns.pairs if pair[0] != "answers"))
    for number, row in _shaped(source, Shapes(QUESTION_SHAPES, USUAL_QUESTIONS, given)):
        # An id column that is there must be filled in: half a column of ids would hide a lost one.
        named = row.column("id")
        made_up = f"{source.stem}_{len(rows) + 1}"
        question_id = id_of(source, number, row.fields, named) if named in row.fields else made_up
        asked = row.column("question")
        if asked not in row.fields:
            hint = f"fields on this {source.place(number)}: {names_shown(row.fields)}; {_NAME_THEM}"
            raise source.error("is missing", number, asked, hint=hint)
        question = normalize("NFC", text_field(source, number, row.fields, asked))
        golden = _answers(source, number, row, task) if answers else []
        rows.append((number, question_id, question, golden))
    if not rows:
        raise source.error("holds no questions", hint="check that it was written whole")
    frame = pl.DataFrame(rows, schema=pl.Schema({"number": pl.UInt32(), **SPLIT.schema}), orient="row")
    return check_ids(source, frame, "question_id")


def _shaped(source: RecordFile, shapes: Shapes) -> Iterator[tuple[int, ShapedRow]]:
    for number, fields in records(source, shapes.columns):
        try:
            for row in shapes.rows(fields):
                yield number, row
        except BadShape as bad:
            raise source.error(bad.problem, number, bad.field, bad.hint) from None


def shared_questions(train: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """Questions that stand in both splits, as ``wording.same_question`` compares them, in whatever spelling of Unicode.

    train, test: SPLIT tables. Returns one row a training question with a twin: train_id, test_id (its first
    twin's), question (as training words it), in training order. An honest evaluation has none.
    """
    asked = test.select(test_id="question_id", told=same_question(test["question"]))
    twins = train.select("question", train_id="question_id", told=same_question(train["question"]))
    found = twins.join(asked.unique("told", keep="first", maintain_order=True), on="told", maintain_order="left")
    return found.select("train_id", "test_id", "question")


def _answers(source: RecordFile, number: int, row: ShapedRow, task: Task | None) -> list[str]:
    field = row.column("answers")
    if field not in row.fields:
        wanted = ", ".join(row.shape.columns.get("answers", ())) or f"{row.shape.name} have no answers"
        hint = f"{wanted}; fields on this {source.place(number)}: {names_shown(row.fields)}; {_NAME_THEM}"
        raise source.error("is missing", number, field, hint=hint)
    try:
        free = task is not None and not task.choices
        found = gold_answers(row.fields[field], bars=source.format == "csv", truth=not free)
    except BadAnswers as bad:
        raise source.error(bad.problem, number, field, bad.hint) from None
    return [_answer(source, number, field, answer, task) for answer in found]


def _answer(source: RecordFile, number: int, field: str, answer: str, task: Task | None) -> str:
    check_unicode(source, number, field, answer)
    if task is None or not task.choices:
        return normalize("NFC", answer)
    canonical = task.parse(answer)
    if canonical not in task.choices:
        problem = f"{shown(answer)} is no answer to a {task.name} question"
        raise source.error(problem, number, field, f"one of {', '.join(task.choices)}")
    return canonical


_NAME_THEM = "name other columns with --map question=…,answer=…; without answers give --unlabelled"
