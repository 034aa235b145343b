"""Disks that are full and folders that cannot be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


class SmallDisk:
    """A disk that can be filled up and emptied again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Fill it up but for ``leave`` bytes."""
        handle = os.open(self._filler, os.O_CREAT | os.O_WRONLY)
        try:
            while True:
                os.write(handle, b"x" * 4096)
        except OSError:
            pass
        finally:
            os.close(handle)
        if leave:
            os.truncate(self._filler, self._filler.stat().st_size - leave)

    def empty(self) -> None:
        self._filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    """Of 512k, or of the size given as parameter. Needs the right to mount, as root in a container has it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={getattr(request, 'param', '512k')}", "tmpfs", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def lock_folder() -> Iterator[Callable[[Path], None]]:
    """Make a folder read-only; root heeds no mode, so for root it is mounted so."""
    locked: list[Path] = []

    def lock(folder: Path) -> None:
        if os.geteuid():
            for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
                path.chmod(0o500)
        else:
            _mount("--bind", str(folder), str(folder))
            locked.append(folder)
            _mount("-o", "remount,ro,bind", str(folder))

    yield lock
    for folder in locked:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
