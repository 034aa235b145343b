"""A sample of the questions of a split, fixed before anything is answered."""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.datasets.hash_draws import first_by_hash


def drawn_questions(split: pl.DataFrame, limit: int | None) -> pl.DataFrame:
    """At most ``limit`` rows of a table with ``question_id``: those first by the SHA-256 of the id, in their old order.

    Not the first rows: files are sorted by subject or date, and their first rows are of a few subjects only. Which
    questions are drawn follows from their ids alone, so a larger sample holds the smaller one, and the order of the
    rows changes nothing. All rows where limit is None.
    """
    if limit is None or split.height <= limit:
        return split
    return split[first_by_hash(split["question_id"], limit).sort()]
