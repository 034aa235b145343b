"""The page from pgvector and Langfuse to published units, and back, as it stands, over a real Postgres."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_reference.transcript import transcribed

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from-pgvector-and-langfuse.md"


@pytest.mark.slow
def test_units_are_published_answer_later_questions_and_are_rolled_back(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("CREATE DATABASE of_the_page")
    monkeypatch.setenv("DATABASE_URL", own := postgres.replace("/postgres?", "/of_the_page?"))
    page = PAGE.read_text(encoding="utf-8")
    for told in (page, transcribed(page, tmp_path)):
        without, with_units = map(float, re.findall(r"f1 +31 +([\d.]+) → ([\d.]+)", told)[0])
        assert with_units > without
        written = re.findall(r": (\d+) units of support (r\d+) written, (\d+) removed$", told, re.MULTILINE)
        first, second, again = [(int(count), name, int(removed)) for count, name, removed in written]
        assert first[1:] == ("r000001", 0) and second[1:] == ("r000002", first[0])
        assert again == (first[0], "r000001", second[0])
        assert re.search(r"^  0\.\d+ unit    ", told, re.MULTILINE)
        assert re.search(rf": {first[0]} units of support removed$", told, re.MULTILINE)
    with psycopg.connect(own) as database:  # the application's own rows are as they were
        assert database.execute("SELECT count(*), count(metadata) FROM passages").fetchone() == (2348, 0)
