"""What a folder that never changes holds, file by file: how it travels, and how a copy proves to be whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.verified_files import known_sha256

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileFacts:
    """Hash and size in bytes of a file."""

    sha256: str
    size: int


@dataclass(frozen=True)
class FolderManifest:
    """Facts of every file, by its path in the folder. Hidden files, which are locks, are none of it."""

    files: Mapping[str, FileFacts]

    @classmethod
    def of(cls, folder: Path) -> FolderManifest:
        """Of a folder as it is. Raises OSError where a file cannot be read."""
        names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
        return cls({str(n.as_posix()): FileFacts(known_sha256(folder / n), (folder / n).stat().st_size) for n in shown})

    @property
    def data(self) -> bytes:
        """As it is stored: the same folder, the same bytes."""
        told = {name: {"sha256": facts.sha256, "size": facts.size} for name, facts in self.files.items()}
        return json.dumps({"format": 1, "files": told}, sort_keys=True).encode()

    @property
    def digest(self) -> str:
        """Hash of ``data``, which is its name among the objects."""
        return hashlib.sha256(self.data).hexdigest()

    @classmethod
    def parse(cls, data: bytes, digest: str, place: str) -> FolderManifest:
        """Of the object ``digest``. Raises IntegrityError, naming ``place``, where it is none, or leads elsewhere."""
        try:
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError
            found = json.loads(data)
            files = {name: FileFacts(facts["sha256"], facts["size"]) for name, facts in found["files"].items()}
            if found["format"] != 1 or not all(_is_inside(n) and _is_sound(facts) for n, facts in files.items()):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise IntegrityError(place, "is no manifest of a folder; push it again") from None
        return cls(files)

    def is_whole(self, folder: Path) -> bool:
        """Whether the folder holds every file as it should be."""
        return folder.is_dir() and all(has(folder / name, facts) for name, facts in self.files.items())


def has(file: Path, facts: FileFacts) -> bool:
    """Whether a file is there with that content."""
    return file.is_file() and file.stat().st_size == facts.size and known_sha256(file) == facts.sha256


def _is_inside(name: str) -> bool:
    """Whether a path stays in its folder, on every system, and is not hidden."""
    return name.isprintable() and "\\" not in name and all(p and not p.startswith(".") for p in name.split("/"))


def _is_sound(facts: FileFacts) -> bool:
    return bool(_SHA256.fullmatch(facts.sha256)) and type(facts.size) is int and facts.size >= 0
