"""psycopg, the extra ``pgvector``."""

from __future__ import annotations

from typing import Any

from wbrag_pipeline.errors import MissingPartError


def load_psycopg() -> Any:
    """The module. Raises MissingPartError with the command that installs it."""
    try:
        import psycopg.conninfo
        import psycopg.sql
    except ImportError as error:
        raise MissingPartError("psycopg, which pgvector: needs,", "pip install 'wbrag-pipeline[pgvector]'") from error
    return psycopg
