"""Releases: every one that holds a forgotten unit, old ones too, is made again without it under its own name.

A release never changes otherwise. Here it must, and its name stays, so that the pointer, its history and a rollback
stay valid. The new folder is complete before it changes places with the old one, so a reader finds one of the two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.forgetting.parquet_files import forget_in_table, rows_to_forget
from wbrag_pipeline.forgetting.stored_files import StoredFiles
from wbrag_pipeline.forgetting.subject import Subject
from wbrag_pipeline.releases.store import content_of
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.retrieval.index_removal import without_ids
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.storage import (
    exchange,
    in_plain_words,
    remove_directory,
    replacing_directory,
    sha256_of_file,
    stored_json,
    write_json,
)

_NEW = ".new"


def forget_in_releases(home: StoredFiles, subject: Subject) -> dict[str, int]:
    """Units that left each release, by its folder under ``releases/``."""
    root = home.home / "releases"
    folders = sorted(folder for folder in root.glob("*/*") if folder.is_dir())
    for folder in folders:
        _finish_swaps(folder)
    counts = {}
    for release in (release for folder in folders for release in _releases(folder)):
        try:
            with in_plain_words(release):  # a full disk damages nothing
                count = _forget_in_release(release, subject, home)
        except (OSError, ValueError, pl.exceptions.PolarsError, IntegrityError, NotBuiltError) as error:
            raise IntegrityError(
                release,
                f"is damaged ({error}), so it cannot be made again without what is forgotten; "
                "remove the folder, then: wbrag forget --resume",
            ) from error
        if count:
            counts[str(release.relative_to(root))] = count
    return counts


def _releases(folder: Path) -> Iterator[Path]:
    for units in sorted(folder.glob("*/units.parquet")):
        if not units.parent.name.startswith("."):
            yield units.parent


def _forget_in_release(release: Path, subject: Subject, home: StoredFiles) -> int:
    units = pl.read_parquet(release / "units.parquet")
    gone = rows_to_forget(units, subject, home, release / "units.parquet")
    ids = units.filter(gone)["unit_id"].to_list()
    if not ids:
        return 0
    release = release.resolve()  # a link would change places with what is to go
    fresh = release.with_name(f".{release.name}{_NEW}")
    collections = Collections(home.settings.layout, read_manifest(release / "index").address)
    with collections.making() as collection:
        with replacing_directory(fresh) as new:
            (new / "units.parquet").write_bytes((release / "units.parquet").read_bytes())
            forget_in_table(new / "units.parquet", subject, home)
            without_ids(release / "index", ids, new / "index", collection)
            for other in sorted(release.glob("*.json")):
                if other.name != "release.json":
                    (new / other.name).write_text(subject.phrases.redact(other.read_text(encoding="utf-8")), "utf-8")
            write_json(new / "release.json", _manifest(release, new))
        exchange(fresh, release)
    remove_directory(fresh)
    return len(ids)


def _manifest(release: Path, new: Path) -> dict[str, Any]:
    """The release's manifest with what the smaller files changed: hashes, number of units, content."""
    found: dict[str, Any] = stored_json(release / "release.json")
    units = pl.read_parquet(new / "units.parquet")
    found["content"] = content_of(units, read_manifest(new / "index").encoder_fingerprint, found.get("made", {}))
    if "units_sha256" in found:
        found["units_sha256"] = sha256_of_file(new / "units.parquet")
    if "files" in found:
        # An index of an earlier version has other files than the one that takes its place.
        index = {str(file.relative_to(new)) for file in (new / "index").rglob("*")}
        names = sorted({*found["files"], *index})
        found["files"] = {name: sha256_of_file(new / name) for name in names if (new / name).is_file()}
    for place in (found, found.get("made")):
        if isinstance(place, dict) and "units" in place:
            place["units"] = units.height
    return found


def _finish_swaps(folder: Path) -> None:
    """Take away what a killed command left in a folder of releases: half-made ones, and those that gave way."""
    for fresh in folder.glob(f".r*{_NEW}"):
        release = folder / fresh.name[1 : -len(_NEW)]
        if release.exists():
            remove_directory(fresh)
        else:  # where names cannot change places in one step
            os.rename(fresh, release)
    for left_over in folder.glob(".*.tmp"):
        remove_directory(left_over) if left_over.is_dir() else left_over.unlink()
