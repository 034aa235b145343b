"""Every file under some folders, links followed, and a list of what could not be looked into."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from wbrag_pipeline.storage import remove_directory


@dataclass
class Walk:
    """Files by folder and name. ``enter`` folders first, then ``follow_links``, so that a link is only a second way.

    yours: files and folders that are the user's own: not gone into.
    files: every file, each once; under a link by the link's path, which tells what it belongs to.
    unread: "PATH: why" of what was not gone into. missed: the same, where that should not be.
    """

    yours: frozenset[Path]
    files: list[Path] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    _links: list[Path] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def enter(self, folder: Path, *, follow: Collection[str] | None = None, leave_out: Collection[str] = ()) -> None:
        """Collect the files under a folder, and the links to be followed.

        follow: names in ``folder`` under which links are followed; None for all of them.
        leave_out: names in ``folder`` that are not gone into at all.
        """
        if self._is_new(folder):
            for entry in self._entries(folder):
                if entry.name not in leave_out:
                    self._take(entry, followed=follow is None or entry.name in follow)

    def follow_links(self) -> None:
        """Collect what the links lead to, and those that are found on the way, as far as it is new."""
        while self._links:
            link = self._links.pop(0)
            if self.yours & {(real := Path(os.path.realpath(link))), *real.parents}:
                self.unread.append(f"{link}: leads to a file of your own, which the registry names")
            elif link.is_dir():
                self.enter(link)
            elif link.is_file():
                if self._is_new(link):
                    self.files.append(link)
            else:
                self.unread.append(f"{link}: a link to what is not there")

    def _take(self, entry: os.DirEntry[str], *, followed: bool) -> None:
        path = Path(entry.path)
        if path in self.yours:
            self.unread.append(f"{path}: your own, named in the registry")
        elif entry.is_symlink():
            if followed:
                self._links.append(path)
            else:
                self.unread.append(f"{path}: a link, which is not followed here")
        elif entry.is_dir(follow_symlinks=False):
            if self._is_new(path):
                for inner in self._entries(path):
                    self._take(inner, followed=followed)
        elif entry.is_file(follow_symlinks=False):
            self._is_new(path)  # a second hard link is a file of its own
            self.files.append(path)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:  # went meanwhile
            return []
        except OSError as error:
            self.missed.append(f"{folder}: cannot be read ({(error.strerror or '').lower()})")
            return []

    def _is_new(self, path: Path) -> bool:
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        new = (found.st_dev, found.st_ino) not in self._seen
        self._seen.add((found.st_dev, found.st_ino))
        return new


def remove_file(file: Path) -> None:
    """Take a file away, and where it is a link what it leads to."""
    for path in {file, file.resolve()}:
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Take a folder away, and where it is a link what it leads to."""
    remove_directory(folder.resolve())
    if folder.is_symlink():
        folder.unlink()
