"""A folder of the home that a remote has too: folders that never change, and the pointer that names one of them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.home import Home
from wbrag_pipeline.releases.pointer import POINTER, RELEASE_NAME, parse_pointer, read_pointer
from wbrag_pipeline.retrieval.corpus import CURRENT_STATE
from wbrag_pipeline.settings import Settings

_STATE_NAME = re.compile(r"[0-9a-f]{16}")
_FORMAT = 1


@dataclass(frozen=True)
class SharedPlace:
    """Releases of a benchmark, or states of a corpus.

    key: the path below the home, which is that below the remote too.
    """

    home: Home
    key: str

    @classmethod
    def of_releases(cls, settings: Settings, benchmark: str) -> SharedPlace:
        """Where a benchmark's releases lie."""
        return cls(settings.layout, settings.releases(benchmark).relative_to(settings.home).as_posix())

    @classmethod
    def of_corpus(cls, settings: Settings, corpus: str) -> SharedPlace:
        """Where a corpus' states lie."""
        return cls(settings.layout, settings.corpus_index(corpus).relative_to(settings.home).as_posix())

    @property
    def folder(self) -> Path:
        """In the home."""
        return self.home.folder / self.key

    @property
    def holds_releases(self) -> bool:
        """Releases, or states."""
        return self.key.startswith("releases/")

    @property
    def file(self) -> Path:
        """The pointer's file in the home."""
        return self.folder / (POINTER if self.holds_releases else CURRENT_STATE)

    @property
    def pointer_key(self) -> str:
        """The pointer's object."""
        return f"{self.key}/pointer.json"

    @property
    def objects_key(self) -> str:
        """What the keys of all other objects begin with, less the slash."""
        return f"{self.key}/objects"

    def text(self) -> str:
        """The pointer's file as it stands; "" where there is none, or none that is text."""
        try:
            return self.file.read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def served_by(self, text: str) -> str:
        """The folder that a pointer's text names; "" where it names none."""
        try:
            name = text.partition("\n")[0] if self.holds_releases else str(json.loads(text)["state"])
        except (ValueError, KeyError, TypeError):
            return ""
        return name if self.is_name(name) else ""

    def is_name(self, name: str) -> bool:
        """Whether one of the folders may be called so."""
        return bool((RELEASE_NAME if self.holds_releases else _STATE_NAME).fullmatch(name))

    def names(self) -> list[str]:
        """The folders that are here."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path.name for path in found if path.is_dir() and self.is_name(path.name))

    def known_names(self) -> set[str]:
        """The folders that were served here: those of a remote may take their place."""
        if not self.holds_releases:
            return set(self.names())
        with suppress(IntegrityError):  # a damaged pointer names nothing
            now = read_pointer(self.folder)
            if now is not None:
                return {now.release, *(name for move in now.moves for name in (move.release, move.previous))}
        return set()


@dataclass(frozen=True)
class RemotePointer:
    """What is served, as it stands on the remote.

    id: another one after every move. serves: the folder. text: of the pointer's file in a home, word for word.
    folders: the manifest's hash of every folder. corpus: whose states, or which corpus the benchmark is over.
    entry: YAML of the corpus or the benchmark, "" for one that is built in. gone: folders that no home may keep.
    """

    serves: str
    text: str
    folders: Mapping[str, str]
    corpus: str
    entry: str = ""
    gone: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def data(self) -> bytes:
        """As it is stored."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True, indent=2).encode()

    def says_the_same_as(self, other: RemotePointer) -> bool:
        """Whether there is nothing to move."""
        return replace(self, id="") == replace(other, id="")

    @classmethod
    def parse(cls, data: bytes, place: SharedPlace, address: str) -> RemotePointer:
        """Raises IntegrityError for what is none, or of another format."""
        named = f"{address}/{place.pointer_key}"
        try:
            found = json.loads(data)
            if found.pop("format") != _FORMAT:
                raise IntegrityError(named, f"is not of the format that this version reads ({_FORMAT})")
            if set(found) != {one.name for one in fields(cls)}:
                raise ValueError
            pointer = cls(**{**found, "folders": dict(found["folders"]), "gone": tuple(found["gone"])})
            names = (pointer.serves, *pointer.folders, *pointer.gone)
            texts = (pointer.text, pointer.corpus, pointer.entry, pointer.id, *names, *pointer.folders.values())
            sound = all(isinstance(text, str) for text in texts) and all(place.is_name(name) for name in names)
            if place.holds_releases:
                parse_pointer(pointer.text, Path(named))
            if not sound or pointer.serves not in pointer.folders or place.served_by(pointer.text) != pointer.serves:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise IntegrityError(named, "is damaged; push again with --force") from None
        return pointer
