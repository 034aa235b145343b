"""What a home needs of its file system, tried on it: a disk on a network, or of a container, may lack some of it.

| needed | by |
| --- | --- |
| locks (flock) that another process sees, and that a killed one gives back | runs that wait for each other, pointers |
| locks on parts of a file (fcntl) | SQLite and DuckDB: completion cache, Dagster's records, lineage |
| a rename over a file | every pointer: a reader finds the old one or the new one |
| a rename of a folder, refused where one of that name is | releases and corpus states, which never change |
| fsync of files and folders | what is stored is there after the machine stopped |

A hard link and an exchange of two names are used where there are some, and done without where not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.storage import in_plain_words, move_into_place, write_text

# A process of its own that tries to get a lock: on some network disks those of one process never exclude each other.
_TRY = {
    "flock": "import fcntl,sys; fcntl.flock(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)",
    "fcntl": "import fcntl,sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)",
}


def check_file_system(folder: Path) -> str:
    """Try it all in a folder of its own below ``folder``; gives what was found.

    Raises WbragError that names what is lacking, and StorageError where nothing can be written.
    """
    with in_plain_words(folder), tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as temporary:
        tried = Path(temporary)
        for what, lacks in _CHECKS.items():
            try:
                kept = lacks(tried)
            except OSError as error:
                raise WbragError(f"{folder}: {what}: {(error.strerror or str(error)).lower()}; {_HINT}") from error
            if not kept:
                raise WbragError(f"{folder} does not keep {what}; {_HINT}")
        return f"{', '.join(_CHECKS)}; {'hard links' if _links(tried) else 'no hard links, so tables are copied'}"


_HINT = "put WBRAG_HOME on a disk of this machine, and share releases with --remote"


def _excludes(kind: str) -> Callable[[Path], bool]:
    def check(folder: Path) -> bool:
        import fcntl

        file = folder / kind
        file.write_bytes(b"")
        with file.open("r+b") as stream:
            (fcntl.flock if kind == "flock" else fcntl.lockf)(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            while_held = _can_lock(kind, file)
        return not while_held and _can_lock(kind, file)

    return check


def _can_lock(kind: str, file: Path) -> bool:
    done = subprocess.run([sys.executable, "-S", "-c", _TRY[kind], str(file)], capture_output=True, check=False)
    return done.returncode == 0


def _replaces(folder: Path) -> bool:
    file = folder / "pointer"
    write_text(file, "old")
    with file.open(encoding="utf-8") as reading:
        write_text(file, "new")
        # Who has it open goes on with the old one, as whoever searches while a pointer moves.
        return reading.read() == "old" and file.read_text(encoding="utf-8") == "new"


def _places(folder: Path) -> bool:
    for name in ("first", "second"):
        (folder / name).mkdir()
        (folder / name / "file").write_bytes(b"content")
    move_into_place(folder / "first", folder / "placed")
    try:
        move_into_place(folder / "second", folder / "placed")
    except FileExistsError:
        return (folder / "placed" / "file").is_file() and not (folder / "first").exists()
    return False


def _syncs(folder: Path) -> bool:
    (folder / "synced").write_bytes(b"content")
    for path in (folder / "synced", folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return True


def _links(folder: Path) -> bool:
    try:
        os.link(folder / "pointer", folder / "link")
    except OSError:
        return False
    return True


_CHECKS: dict[str, Callable[[Path], bool]] = {
    "locks (flock)": _excludes("flock"),
    "locks on parts of files (fcntl)": _excludes("fcntl"),
    "fsync": _syncs,
    "rename over a file": _replaces,
    "rename of a folder": _places,
}
