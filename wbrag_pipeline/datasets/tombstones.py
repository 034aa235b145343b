"""What was forgotten and must not come back: hashes, without a word of text.

``wbrag forget`` cannot change a user's own files, so whatever reads those files leaves out what is listed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.storage import sha256_of_text, write_json


@dataclass(frozen=True)
class Tombstones:
    """Hashes of what was forgotten.

    passages: content hashes. questions: see ``question_hash``. evidence: see ``evidence_hash``; no unit is made again
    from evidence of which a unit was forgotten, in whatever words.
    """

    passages: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()

    def without_forgotten_passages(self, passages: pl.DataFrame) -> pl.DataFrame:
        """PASSAGES less those that were forgotten, whatever their ids are now."""
        return passages.filter(~pl.col("content_hash").is_in(sorted(self.passages))) if self.passages else passages

    def without_forgotten_questions(self, questions: pl.DataFrame) -> pl.DataFrame:
        """SPLIT less those that were forgotten, whatever their ids are now."""
        if not self.questions:
            return questions
        hashes = pl.Series([question_hash(text) for text in questions["question"]], dtype=pl.String)
        return questions.filter(~hashes.is_in(sorted(self.questions)))


NOTHING_FORGOTTEN = Tombstones()


def read_tombstones(home: Path) -> Tombstones:
    """The tombstones of a home. Raises IntegrityError when they cannot be read: then anything could come back."""
    file = _file(home)
    if not file.exists():
        return NOTHING_FORGOTTEN
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Tombstones(*(frozenset(map(str, found[field.name])) for field in fields(Tombstones)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            file, "is damaged, so what was forgotten is not known; restore it from a backup"
        ) from error


def add_tombstones(home: Path, more: Tombstones) -> None:
    """Add to the tombstones of a home; nothing is ever taken away."""
    there, added = asdict(read_tombstones(home)), asdict(more)
    write_json(_file(home), {name: sorted(hashes | added[name]) for name, hashes in there.items()})


def question_hash(question: str) -> str:
    """Hash by which a question is known, blanks and case aside."""
    return sha256_of_text("question", " ".join(question.split()).casefold())


def evidence_hash(benchmark: str, question_id: str, source_hashes: Iterable[str]) -> str:
    """Hash of what a unit is made from: a question of a benchmark and the contents of its sources, in any order."""
    return sha256_of_text("evidence", benchmark, question_id, *sorted(source_hashes))


def _file(home: Path) -> Path:
    return home / "forgotten" / "tombstones.json"
