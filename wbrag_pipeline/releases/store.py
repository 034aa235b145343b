"""Write-back releases: immutable directories, and one pointer that says which is served (paper, section 3.5).

::

    r000001/units.parquet     the units
    r000001/index/            the index of their vectors
    r000001/release.json      hashes of all these files, and how they were made
    r000001/validation.json   what the comparison with the served release gave; the one file that comes later
    CANDIDATE                 the release that was built last: what is evaluated, validated and perhaps promoted
    CURRENT                   the release that is served, and every move of this pointer (``pointer``)

Building makes a candidate and serves nothing; ``promote`` and ``rollback`` swap the pointer by one rename. The base
corpus and its index are never touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError, WbragError
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.releases import pointer
from wbrag_pipeline.releases.pointer import Move
from wbrag_pipeline.releases.unit_vectors import unit_vectors
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import (
    locked,
    replacing_directory,
    sha256_of_file,
    sha256_of_text,
    stored_json,
    write_json,
    write_text,
)
from wbrag_pipeline.store_address import FAISS
from wbrag_pipeline.verified_files import known_sha256

_FORMAT = 3
_A_NAME = re.compile(r"\b" + pointer.RELEASE_NAME.pattern + r"\b")
_CANDIDATE = "CANDIDATE"
# Settings that decide what is searched and answered with the units, beside those that decided the units.
_OF_THE_SYSTEM = ("generator", "engine_arguments", "method", "top_k", "merge")
_UNITS, _INDEX = "units.parquet", "index"
_HINT = "make a new release with wbrag run, or serve another one with wbrag release promote"


@dataclass(frozen=True)
class Release:
    """A release on disk.

    content: hash of its units and encoder; equal content, equal release.
    files: sha256 of every file by its path in the folder.
    made: how it came about, as ``build_release`` was told, and when (``built_at``).
    """

    folder: Path
    content: str
    files: Mapping[str, str]
    made: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For example ``r000001``."""
        return self.folder.name

    @property
    def language(self) -> str:
        """The language of its corpus, as it was when this was made; English where none was recorded."""
        return str(self.made.get("language") or ENGLISH)

    def verify(self) -> None:
        """Raises IntegrityError, naming the file, when one is missing or not what was built."""
        for name in self.files:
            self._verify(name)

    def settings(self, others: Settings) -> Settings:
        """The settings that it was made with; ``others`` gives the home, and what was not recorded."""
        return others.recorded(self.made.get("settings", {}))

    def units(self) -> pl.DataFrame:
        """KNOWLEDGE_UNITS of this release. Raises IntegrityError when the file is not the one that was built."""
        return tables.KNOWLEDGE_UNITS.read(self._verify(_UNITS))

    def index(self, encoder: Encoder) -> Index:
        """The index over the units' vectors, verified."""
        self._verify(f"{_INDEX}/manifest.json")  # which vouches for the other two
        return open_index(self.folder / _INDEX, encoder)

    @property
    def validation(self) -> dict[str, Any] | None:
        """What validating it gave, None before that. Raises IntegrityError when the file is damaged."""
        file = self.folder / "validation.json"
        try:
            found = stored_json(file)
        except FileNotFoundError:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise IntegrityError(file, "is damaged; remove it and materialise `release` again, or run wbrag run")
        return found

    def record_validation(self, figures: Mapping[str, Any]) -> None:
        """Store what validating it gave, in the place of what an earlier comparison gave."""
        write_json(self.folder / "validation.json", figures)

    def _verify(self, name: str) -> Path:
        file = self.folder / name
        if name not in self.files:
            raise IntegrityError(self.folder / "release.json", f"vouches for no {name}; {_HINT}")
        if not file.is_file():
            raise IntegrityError(file, f"is missing; {_HINT}")
        if known_sha256(file) != self.files[name]:
            raise IntegrityError(file, f"is not the file that was built; {_HINT}")
        return file


def build_release(
    units: pl.DataFrame,
    encoder: Encoder,
    folder: Path,
    made: Mapping[str, Any],
    collections: Collections | None = None,
) -> Release:
    """Embed KNOWLEDGE_UNITS and write them as the next release under ``folder``: the candidate from now on.

    made: how the units came about, for the record (variant, run, gates, …).
    collections: where the vectors go; None keeps them in the release's folder (FAISS).

    When some release holds exactly these units for the same system and is whole, that one becomes the candidate and no
    other is written. What is served does not change.
    """
    units = tables.KNOWLEDGE_UNITS.check(units).sort("unit_id")
    content = content_of(units, encoder.fingerprint, made)
    release = _same(folder, content) or _build(units, content, encoder, folder, made, collections)
    if candidate_name(folder) != release.name:
        write_text(folder / _CANDIDATE, release.name + "\n")
    return release


def content_of(units: pl.DataFrame, encoder_fingerprint: str, made: Mapping[str, Any]) -> str:
    """Hash of KNOWLEDGE_UNITS and of the system that searches and answers with them."""
    settings = made.get("settings", {})
    system = {name: settings.get(name) for name in _OF_THE_SYSTEM}
    if system["merge"] in (None, Settings.model_fields["merge"].default):
        del system["merge"]  # as in releases of versions that knew no such setting
    return sha256_of_text(encoder_fingerprint, json.dumps(system, sort_keys=True), units.write_json())


def candidate(folder: Path) -> Release:
    """The release that was built last. Raises NotBuiltError when none was ever built."""
    name = candidate_name(folder)
    if name is None:
        raise NotBuiltError(f"a write-back release of {folder.name}", f"wbrag run {folder.name}")
    return open_release(folder, name)


def candidate_name(folder: Path) -> str | None:
    """Name of the candidate; None when none was ever built."""
    try:
        name = (folder / _CANDIDATE).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        name = ""
    if pointer.RELEASE_NAME.fullmatch(name) and (folder / name).is_dir():
        return name
    return max(release_names(folder), default=None)  # the note is lost or damaged: the newest is the likeliest


def trained_with(settings: Settings, benchmark: str) -> Settings:
    """The settings that a benchmark's candidate was made with: they tell where its tables are.

    ``settings`` themselves where nothing was built, or where the candidate is damaged.
    """
    with suppress(WbragError):
        return candidate(settings.releases(benchmark)).settings(settings)
    return settings


def current(folder: Path) -> Release:
    """The release that is served. Raises NotBuiltError when none was ever promoted, IntegrityError on damage."""
    now = pointer.read_pointer(folder)
    if now is None:
        raise NotBuiltError(f"a served write-back release of {folder.name}", f"wbrag run {folder.name}")
    try:
        return open_release(folder, now.release)
    except InputError as error:
        raise IntegrityError(folder / pointer.POINTER, f"names {now.release}, which is not there; {_HINT}") from error


def release_names(folder: Path) -> list[str]:
    """Names of all releases, oldest first, damaged ones too."""
    return sorted(path.name for path in folder.glob("r[0-9]*") if pointer.RELEASE_NAME.fullmatch(path.name))


def open_release(folder: Path, name: str) -> Release:
    """A release by name; its files are verified when they are read.

    Raises InputError when there is none of that name, IntegrityError when its manifest is damaged.
    """
    if not (folder / name).is_dir() or not pointer.RELEASE_NAME.fullmatch(name):
        there = ", ".join(release_names(folder)) or f"none yet; make one with wbrag run {folder.name}"
        raise InputError(f"{folder.name} has no release {name!r}", hint=f"there are: {there}")
    file = folder / name / "release.json"
    try:
        found = stored_json(file)
        if found.get("format") != _FORMAT:
            raise IntegrityError(file, f"is not of the format that this version reads ({_FORMAT}); {_HINT}")
        return Release(folder / name, str(found["content"]), dict(found["files"]), dict(found["made"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(file, f"is missing or damaged; {_HINT}") from error


def promote(
    folder: Path, name: str, *, actor: str, reason: str, instead: Callable[[Release], Release] | None = None
) -> Move | None:
    """Serve a release, once all of its files have proved whole; None when it is served already.

    instead: what to serve in the place of a release that was built some time ago; itself where that is still right.

    A damaged pointer is written anew. Raises InputError or IntegrityError as ``open_release`` and ``Release.verify``.
    """
    release = open_release(folder, name)
    release.verify()
    name = instead(release).name if instead else name
    with locked(folder):
        try:
            now = pointer.read_pointer(folder)
        except IntegrityError:
            now = None
        if now is not None and now.release == name:
            return None
        return pointer.move(folder, now, name, "promote", actor, reason)


def rollback(folder: Path, *, actor: str, reason: str, instead: Callable[[Release], Release] | None = None) -> Move:
    """Serve again what was served before the present release came.

    instead: as ``promote`` takes it. A release in whose place the present one is served is passed over; another that
    takes an earlier one's place is a move of its own, in the same swap of the pointer.

    Raises NotBuiltError when nothing is served, InputError when nothing was served before, IntegrityError when the
    earlier release, or the pointer, is damaged.
    """
    with locked(folder):
        now = pointer.read_pointer(folder)
        if now is None:
            raise NotBuiltError(f"a served write-back release of {folder.name}", f"wbrag run {folder.name}")
        for name in reversed(now.trail[:-1]):
            before = open_release(folder, name)
            before.verify()
            after = instead(before) if instead else before
            if after.name != now.release:
                steps: list[tuple[pointer.Action, str, str]] = [("rollback", name, reason)]
                if after.name != name:
                    steps.append(("promote", after.name, f"in the place of {name}"))
                return pointer.move_through(folder, now, steps, actor)
        raise InputError(
            f"nothing was served before {now.release} of {folder.name}",
            hint=f"wbrag release list {folder.name} shows what can be promoted",
        )


def _same(folder: Path, content: str) -> Release | None:
    """The newest whole release of this content: a damaged one is built anew, never reused."""
    for name in reversed(release_names(folder)):
        try:
            release = open_release(folder, name)
            if release.content == content:
                release.verify()
                return release
        except IntegrityError:
            continue
    return None


def _known(folder: Path, encoder: Encoder) -> tuple[pl.DataFrame, Index] | None:
    """Units and index of the newest whole release, where its vectors are those that this encoder gives here."""
    for name in reversed(release_names(folder)):
        with suppress(IntegrityError):
            release = open_release(folder, name)
            if release.made.get("arithmetic") == encoder.arithmetic:
                return release.units(), release.index(encoder)
    return None


def _build(
    units: pl.DataFrame,
    content: str,
    encoder: Encoder,
    folder: Path,
    made: Mapping[str, Any],
    collections: Collections | None,
) -> Release:
    store = collections.store if collections else FAISS
    vectors = unit_vectors(units, encoder, _known(folder, encoder))
    made = {**made, "arithmetic": encoder.arithmetic}
    while True:
        name = _next_name(folder)
        try:
            with (
                collections.making() if collections else nullcontext("") as collection,
                replacing_directory(folder / name) as temporary,
            ):
                units.write_parquet(temporary / _UNITS)
                build_index(
                    vectors,
                    units["unit_id"],
                    temporary / _INDEX,
                    encoder,
                    labels=units["labels"],
                    store=store,
                    collection=collection,
                )
                names = sorted(str(file.relative_to(temporary)) for file in temporary.rglob("*") if file.is_file())
                manifest = {
                    "format": _FORMAT,
                    "content": content,
                    "files": {name: sha256_of_file(temporary / name) for name in names},
                    "made": {**made, "units": units.height, "built_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"},
                }
                write_json(temporary / "release.json", manifest)
            return open_release(folder, name)
        except FileExistsError:
            continue  # another process took the number


def _next_name(folder: Path) -> str:
    """One more than every number that was given out, as far as anything here knows: a name is never used twice."""
    known = release_names(folder)
    for note in (_CANDIDATE, pointer.POINTER):
        with suppress(OSError):
            known += _A_NAME.findall((folder / note).read_text(encoding="utf-8", errors="replace"))
    return f"r{1 + max((int(name[1:]) for name in known), default=0):06d}"
