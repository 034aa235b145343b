"""Whose question an id means: ids belong to a benchmark and a split, for both files of a benchmark may count from 1.

Validation questions come from the training file, so theirs are ids of training.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.stored_passages import files_with

QuestionSplit = Literal["train", "test"]
QUESTION_SPLITS: tuple[QuestionSplit, ...] = get_args(QuestionSplit)
EITHER = ""  # in place of the split, where a table does not tell it


def split_of(columns: Collection[str]) -> pl.Expr:
    """The split of each row's question, told by the columns of its table."""
    if "split" in columns:
        return pl.when(pl.col("split") == "test").then(pl.lit("test")).otherwise(pl.lit("train"))
    if "passages_with" in columns:  # evaluation, and its record in the lineage
        return pl.lit("test")
    if "passages" in columns:  # answers of a validation or a test
        return pl.lit(EITHER)
    return pl.lit("train")


def questions_of(home: StoredFiles) -> pl.DataFrame:
    """Rows (_benchmark, _split, question_id, question) of all stored tables, each once."""
    columns = ["_benchmark", "_split", "question_id", "question"]
    parts = []
    for file in files_with(home, {"question_id", "question"}):
        there = set(pl.read_parquet_schema(file))
        needed = sorted(there & {"question_id", "question", "split", "benchmark"})
        rows = home.scoped(pl.read_parquet(file, columns=needed), file)
        parts.append(rows.with_columns(_split=split_of(there)).select(columns))
    if not parts:
        raise InputError("nothing of that kind is stored here", file=home.settings.home, hint="check WBRAG_HOME")
    return pl.concat(parts, how="vertical_relaxed").unique().drop_nulls("question_id")
