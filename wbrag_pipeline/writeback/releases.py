"""Write-back releases: immutable directories, and one pointer that says which is served (paper, section 3.5).

A release is ``r000001/`` with units.parquet, the FAISS index of the units and release.json (hashes of both).
``CURRENT`` names one of them and is swapped by one rename; rolling back is swapping it back. The base corpus
and its index are never touched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.protocol import Encoder
from wbrag_pipeline.retrieval.search import Index
from wbrag_pipeline.storage import replacing_directory, sha256_of_file, sha256_of_text, write_json, write_text


@dataclass(frozen=True)
class Release:
    """A release on disk. ``content`` is a hash of its units and encoder: equal content, equal release."""

    folder: Path
    content: str
    units_sha256: str

    @property
    def name(self) -> str:
        """For example ``r000001``."""
        return self.folder.name

    def units(self) -> pl.DataFrame:
        """KNOWLEDGE_UNITS of this release. Raises IntegrityError when the file is not the one published."""
        path = self.folder / "units.parquet"
        if not path.is_file() or sha256_of_file(path) != self.units_sha256:
            raise IntegrityError(path, "is not the file that was published; publish again with wbrag run")
        return tables.KNOWLEDGE_UNITS.check(pl.read_parquet(path), str(path))

    def index(self, encoder: Encoder) -> Index:
        """The FAISS index over the units' vectors, verified."""
        return open_index(self.folder / "index", encoder)


def publish(units: pl.DataFrame, encoder: Encoder, folder: Path) -> Release:
    """Embed KNOWLEDGE_UNITS, write them as the next release under ``folder`` and make it current.

    When the current release holds exactly these units it stays, and nothing is written.
    """
    units = tables.KNOWLEDGE_UNITS.check(units).sort("unit_id")
    content = sha256_of_text(encoder.fingerprint, units.write_json())
    now = _sound(folder, encoder)
    if now is not None and now.content == content:
        return now
    vectors = (
        encoder.encode_passages(units["title"].to_list(), units["text"].to_list())
        if units.height
        else np.zeros((0, encoder.dimension), dtype=np.float32)
    )
    while True:
        number = 1 + max((int(path.name[1:]) for path in folder.glob("r[0-9]*")), default=0)
        try:
            with replacing_directory(folder / f"r{number:06d}") as temporary:
                units.write_parquet(temporary / "units.parquet")
                build_index(vectors, units["unit_id"], temporary / "index", encoder, labels=units["labels"])
                write_json(
                    temporary / "release.json",
                    {
                        "content": content,
                        "units": units.height,
                        "units_sha256": sha256_of_file(temporary / "units.parquet"),
                    },
                )
            break
        except FileExistsError:
            continue  # another process took the number
    release = _open(folder / f"r{number:06d}")
    promote(folder, release.name)
    return release


def promote(folder: Path, name: str) -> None:
    """Make an existing release the current one."""
    _open(folder / name)
    write_text(folder / "CURRENT", name + "\n")


def current(folder: Path) -> Release:
    """The release that CURRENT names. Raises NotBuiltError when nothing was ever published."""
    pointer = folder / "CURRENT"
    if not pointer.is_file():
        raise NotBuiltError(f"a write-back release of {folder.name}", f"wbrag run {folder.name}")
    name = pointer.read_text(encoding="utf-8").strip()
    if not name:
        raise IntegrityError(pointer, f"names no release; publish again with: wbrag run {folder.name}")
    return _open(folder / name)


def _sound(folder: Path, encoder: Encoder) -> Release | None:
    """The current release if there is one and its files are whole: a damaged one is published anew, never reused."""
    try:
        release = current(folder)
        release.units()
        release.index(encoder)
    except (NotBuiltError, IntegrityError):
        return None
    return release


def all_releases(folder: Path) -> list[Release]:
    """Every release, oldest first."""
    return [_open(path) for path in sorted(folder.glob("r[0-9]*"))]


def _open(folder: Path) -> Release:
    try:
        manifest = json.loads((folder / "release.json").read_text(encoding="utf-8"))
        return Release(folder, manifest["content"], manifest["units_sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise IntegrityError(folder / "release.json", "is missing or damaged; publish again with wbrag run") from error
