"""The plan of a ``wbrag forget`` on disk, from before the first change until the search has found nothing.

It holds the phrases to search for, so it goes last; until then the text is not forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.stored_files import OWN
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.storage import stored_json, write_json


@dataclass
class Journal:
    """What goes, since when, and how much went so far by place."""

    file: Path
    subject: Subject
    began: str
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, home: Path, subject: Subject) -> Journal:
        """Write the plan down."""
        journal = cls(journal_file(home), subject, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        journal.save()
        return journal

    @classmethod
    def found(cls, home: Path) -> Journal | None:
        """The plan that was begun and not finished. Raises IntegrityError when it cannot be read."""
        file = journal_file(home)
        if not file.exists():
            return None
        try:
            found = stored_json(file)
            return cls(file, Subject.from_json(found["subject"]), found["began"], dict(found["counts"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(file, "is damaged; remove it and forget again by id") from error

    def add(self, place: str, count: int) -> None:
        """Count what went from a place."""
        if count:
            self.counts[place] = self.counts.get(place, 0) + count
            self.save()

    def save(self) -> None:
        """Write it as it is now."""
        write_json(self.file, {"subject": self.subject.to_json(), "began": self.began, "counts": self.counts})

    def close(self) -> None:
        """All is done."""
        self.file.unlink(missing_ok=True)


def journal_file(home: Path) -> Path:
    """Where the journal lies."""
    return home / OWN / "journal.json"
