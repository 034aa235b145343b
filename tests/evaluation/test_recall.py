"""Answer recall on a hand-worked case."""

from __future__ import annotations

import polars as pl

from tests.retrieval.conftest import passages_of, units_of
from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.evaluation.recall import answer_recall


def test_an_answer_counts_as_a_whole_word_in_what_was_shown() -> None:
    passages = passages_of({"a": 0.0, "b": 60.0}).with_columns(text=pl.Series(["I do not know.", "In Paris, 1898."]))
    units = units_of({"u": 1.0}).with_columns(text=pl.lit("No."), title=pl.lit("Say"))
    rows = [
        ("q1", "?", ["no"], "", "", 0.0, 0.0, ["corpus:a"], ["corpus:a", "writeback:u"]),
        ("q2", "?", ["paris"], "", "", 0.0, 0.0, ["corpus:a", "corpus:b"], ["corpus:b"]),
        ("q3", "?", ["Rome"], "", "", 0.0, 0.0, [], ["corpus:a"]),
    ]
    evaluation = tables.EVALUATION.check(rows_of(tables.EVALUATION, rows))
    assert answer_recall(OPEN_QA, evaluation, passages.lazy(), units) == (1 / 3, 2 / 3)
