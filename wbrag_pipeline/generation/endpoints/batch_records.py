"""Which batches are on their way, written down in the home: a run that comes after a killed one picks them up.

Nothing that was asked is in these files, only hashes of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from wbrag_pipeline.storage import sha256_of_text, stored_json, write_json


@dataclass(frozen=True)
class BatchRecord:
    """A file of requests that was uploaded. batch_id: "" until the service has made a batch of it.

    ids: of its requests, those whose outcome nobody has taken yet.
    """

    url: str
    input_file: str
    batch_id: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class BatchRecords:
    """The records in a folder; without a folder nothing outlives the process."""

    folder: Path | None

    def keep(self, record: BatchRecord) -> None:
        """Write a record down, in the place of what it was before."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self._file(record), asdict(record))

    def drop(self, record: BatchRecord) -> None:
        """Forget a record."""
        if self.folder is not None:
            self._file(record).unlink(missing_ok=True)

    def of(self, url: str, ids: Iterable[str]) -> list[BatchRecord]:
        """The records at an address that hold one of these requests; a file that is damaged is none."""
        wanted, found = set(ids), []
        for file in sorted(self.folder.glob("*.json")) if self.folder is not None else ():
            try:
                given = stored_json(file)
                record = BatchRecord(given["url"], given["input_file"], given["batch_id"], tuple(given["ids"]))
            except (OSError, ValueError, LookupError, TypeError):
                continue
            if record.url == url and not wanted.isdisjoint(record.ids):
                found.append(record)
        return found

    def _file(self, record: BatchRecord) -> Path:
        assert self.folder is not None
        return self.folder / f"{sha256_of_text(record.url, record.input_file)[:24]}.json"
