"""Recordings merged into larger files, so that reading the lineage does not grow with every run.

A run adds some twenty small files, and a reader opens all that there are. So as soon as there are 64 of a kind, one
file takes their place, 64 of those one of the next level, and so on::

    20261122T120000.000000Z-<run>-<unique>.<kind>.parquet       one recording
    20261122T120000.000000Z-merged-<unique>.1.<kind>.parquet    64 of them, and of level 2 some four thousand

A merged file names in its metadata what it replaces. Readers that have listed the folder may still open those, so they
go two minutes later; until then the views take each recording from one file. A kill at any moment leaves rows twice on
disk, and never a recording that is missing or seen twice.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wbrag_pipeline import storage

_log = logging.getLogger(__name__)

TOGETHER = 64
# What is larger is left as it is, so that merging needs little memory.
_MOST_BYTES = 32 << 20
# Longer than a reader needs from listing the files to reading them.
_GRACE_SECONDS = 120.0
_REPLACES = "wbrag_replaces"
_LEVEL = re.compile(r"\.(\d+)\.\w+\.parquet$")


def merge_recordings(events: Path, kind: str, schema: pl.Schema, *, now: float | None = None) -> None:
    """Merge the recordings of one kind in the folder ``events`` where there are many, and remove what was merged.

    schema: of the kind; files with other columns, which another version wrote, are left alone, as are damaged ones.
    now: seconds since the epoch. Does nothing while somebody else merges, or forgets something (``storage.locked``).
    """
    # At every 64th recording, since looking costs more than recording.
    single = sum(not _level(name) for name in _names(events, kind))
    if not single or single % TOGETHER:
        return
    with storage.locked(events, wait=False) as held:
        if not held:
            return
        try:
            _merge(events, kind, schema, time.time() if now is None else now)
        except OSError as error:  # what is to be recorded is recorded; merging can wait
            _log.warning("recordings of %s were not merged: %s", kind, error)


def _merge(events: Path, kind: str, schema: pl.Schema, now: float) -> None:
    level = 0
    while len(files := _by_level(events, kind)[level]) >= TOGETHER:
        replaced = _replaced_by(_by_level(events, kind)[level + 1])
        for file in files:
            if file.name in replaced and replaced[file.name] < now - _GRACE_SECONDS:
                file.unlink(missing_ok=True)
        waiting = [file for file in files if file.name not in replaced and file.stat().st_size <= _MOST_BYTES]
        for start in range(0, len(waiting) - TOGETHER + 1, TOGETHER):
            _write_merged(waiting[start : start + TOGETHER], level + 1, kind, schema)
        level += 1


def _by_level(events: Path, kind: str) -> defaultdict[int, list[Path]]:
    """The files of a kind by level, oldest first."""
    found: defaultdict[int, list[Path]] = defaultdict(list)
    for name in sorted(_names(events, kind)):
        found[_level(name)].append(events / name)
    return found


def _names(events: Path, kind: str) -> list[str]:
    """Names of the files of a kind, without temporary ones and those that only tell the columns."""
    suffix = f".{kind}.parquet"
    return [name for name in os.listdir(events) if name.endswith(suffix) and not name.startswith((".", "00000000T"))]


def _level(name: str) -> int:
    found = _LEVEL.search(name)
    return int(found[1]) if found else 0


def _replaced_by(merged: Sequence[Path]) -> dict[str, float]:
    """The names of the files that these replace, each with the time since when."""
    replaced: dict[str, float] = {}
    for file in merged:
        try:
            names = json.loads(pl.read_parquet_metadata(file).get(_REPLACES, "[]"))
        except (OSError, ValueError, pl.exceptions.PolarsError):
            continue  # a reader tells that it is damaged; nothing goes on its word
        replaced |= dict.fromkeys(names, file.stat().st_mtime)
    return replaced


def _write_merged(files: Sequence[Path], level: int, kind: str, schema: pl.Schema) -> None:
    frames = {}
    for file in files:
        try:
            frame = pl.read_parquet(file, glob=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            continue
        if frame.schema == schema:
            frames[file.name] = frame
    if len(frames) < 2:
        return
    moment = max(frames).partition("-")[0]
    target = files[0].with_name(f"{moment}-merged-{uuid.uuid4().hex[:12]}.{level}.{kind}.parquet")
    with storage.replacing(target) as temporary:
        pl.concat(frames.values()).write_parquet(temporary, metadata={_REPLACES: json.dumps(sorted(frames))})
