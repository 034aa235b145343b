"""Drawing by SHA-256: what is drawn follows from ids and texts alone, so it is the same on every machine and each time.

Nothing depends on the order of rows, and what is drawn of few stays drawn when more come.
"""

from __future__ import annotations

import polars as pl

from wbrag_pipeline.storage import sha256_of_text


def first_by_hash(ids: pl.Series, number: int, draw: str = "") -> pl.Series:
    """Places of the ``number`` ids (String) whose hashes come first, in that order: fewer are always among more.

    draw: is written before each id, so another one draws others.

    DuckDB keeps no more than these in memory, whose ids may be those of a whole corpus.
    """
    import duckdb

    rows = pl.DataFrame({"id": ids}).with_row_index("place")
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        query = "SELECT place FROM rows ORDER BY sha256(? || id), place LIMIT ?"
        return pl.Series("place", connection.execute(query, [draw, number]).fetchnumpy()["place"])


def drawn_questions(split: pl.DataFrame, limit: int | None) -> pl.DataFrame:
    """At most ``limit`` rows of a table with ``question_id``: those first by the SHA-256 of the id, in their old order.

    Not the first rows: files are sorted by subject or date, and their first rows are of a few subjects only. Which
    questions are drawn follows from their ids alone, so a larger sample holds the smaller one, and the order of the
    rows changes nothing. All rows where limit is None.
    """
    if limit is None or split.height <= limit:
        return split
    return split[first_by_hash(split["question_id"], limit).sort()]


def share_by_hash(*texts: str) -> float:
    """A number in [0, 1) that follows from the texts: below a share s it lies for the share s of all texts."""
    return int(sha256_of_text(*texts)[:8], 16) / 2**32
