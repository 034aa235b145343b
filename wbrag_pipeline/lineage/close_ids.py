"""What to say of an id that lineage does not know."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from wbrag_pipeline.errors import InputError, NotBuiltError
from wbrag_pipeline.lineage.node import one_line, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def unknown(connection: DuckDBPyConnection, identifier: str) -> InputError | NotBuiltError:
    """The error to raise: close ids where there are any, or that nothing is recorded yet."""
    if not rows_of(connection, "SELECT 1 FROM events LIMIT 1"):
        return NotBuiltError("lineage", "wbrag run BENCHMARK")
    bare = identifier.partition(":")[2] or identifier
    # DuckDB narrows the field: difflib alone would take minutes over a large corpus.
    nearest = rows_of(
        connection,
        """
        SELECT id FROM (
            SELECT unit_id AS id FROM units
            UNION SELECT question_id FROM units
            UNION SELECT question_id FROM evaluations
            UNION SELECT passage_id FROM unit_sources
            UNION SELECT passage_id FROM evaluation_passages
            UNION SELECT passage_id FROM refresh_passages)
        ORDER BY jaro_winkler_similarity(id, $id) DESC, id
        LIMIT 100""",
        id=bare,
    )
    close = difflib.get_close_matches(bare, [row["id"] for row in nearest])
    kinds = "an id is a unit's, a passage's or a question's, as u_ab12, writeback:u_ab12, corpus:17 or nq_17"
    return InputError(
        f"lineage knows no unit, passage or question {identifier!r}",
        hint=f"{kinds}; close ones: {', '.join(map(one_line, close))}" if close else kinds,
    )
