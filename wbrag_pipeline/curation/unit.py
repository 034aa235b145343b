"""A knowledge unit on its way through curation: what it says, what it is based on, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wbrag_pipeline.languages import ENGLISH

PUBLISHED = "published"
MERGED = "merged"  # says what another unit says
SUPERSEDED = "superseded"  # cannot be true together with another one, which has more behind it
REJECTED = "rejected"  # nothing of it follows from its sources, or it is no text about a topic
QUARANTINED = "quarantined"  # speaks to the model, or holds what must not get out
FLAGGED = "flagged"  # cannot be true together with another one, and nothing says which: for a person
STATES = (PUBLISHED, MERGED, SUPERSEDED, REJECTED, QUARANTINED, FLAGGED)

_NOTHING = "nothing speaks against it"


@dataclass
class Unit:
    """One unit. The first reason to keep it out decides; a unit that is out is not looked at again.

    question: what it was written for. sources: passage id → content hash. labels: who may see it; units with different
    ones have nothing to do with each other. The four times are those of ``tables.CURATED_UNITS``.
    """

    unit_id: str
    title: str
    text: str
    sources: dict[str, str]
    question_ids: list[str]
    question: str = ""
    labels: tuple[str, ...] = ()
    language: str = ENGLISH
    state: str = PUBLISHED
    reason: str = _NOTHING
    kept_by: str | None = None
    cut_sentences: list[str] = field(default_factory=list)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    known_from: datetime | None = None
    known_until: datetime | None = None

    @property
    def published(self) -> bool:
        """Whether nothing has been decided against it so far."""
        return self.state == PUBLISHED

    def note(self, what: str) -> None:
        """Say in its reason what was done to it, though it stays."""
        self.reason = what if self.reason == _NOTHING else f"{self.reason}; {what}"

    def leave(self, state: str, reason: str, kept_by: str | None = None) -> None:
        """Keep it out, for a reason in plain words."""
        self.state, self.reason, self.kept_by = state, reason, kept_by


def unit_of(row: Mapping[str, Any], language: str = ENGLISH) -> Unit:
    """A row of KNOWLEDGE_UNITS, in that language."""
    sources = dict(zip(row["source_passage_ids"], row["source_hashes"], strict=True))
    labels = tuple(row["labels"])
    return Unit(
        row["unit_id"], row["title"], row["text"], sources, [row["question_id"]], row["question"], labels, language
    )
