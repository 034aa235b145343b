"""The proof that an index of words holds no word of what was forgotten.

Its words stand alone, so no phrase is found in them, and its numbers say how often a passage has each. So everything
is counted again from the passages that are left: an index that says anything else holds a trace.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.retrieval.corpus import LEXICAL
from wbrag_pipeline.retrieval.lexical_index import WORDS_FILE, lexical_index_of, open_lexical_index


def is_of_lexical_index(file: Path) -> bool:
    """Whether a file is the one of an index of words by which the whole index is looked at."""
    return file.name == WORDS_FILE and file.parent.name == LEXICAL


def lexical_trace(file: Path) -> str | None:
    """What is wrong with the index of words that ``file`` belongs to; None where it says what the passages say."""
    folder = file.parent
    passages = folder.parent / "passages.parquet"
    try:
        stored = open_lexical_index(folder, passages)
        counted = lexical_index_of(pl.scan_parquet(passages))
    except (WbragError, OSError, pl.exceptions.PolarsError):
        return "cannot be compared with the passages beside it, so nobody knows what it holds; remove its folder"
    return None if stored.equals(counted) else "holds words that the passages beside it do not have"
