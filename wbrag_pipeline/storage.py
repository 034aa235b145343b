"""Files that are there whole or not at all: every write is temporary name, fsync, rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import StorageError, WbragError

# A full disk, a quota, a limit on a file's size; a folder or a disk that is not ours to write.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
_DAY = 86_400.0  # seconds
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\.[^.]+)?")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced and takes ``path``'s name.

    The block must create a file there. When it raises, the temporary file goes and ``path`` is untouched.
    """
    # The suffix stays last: writers that look at it (Parquet, gzip) see the same one.
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    with in_plain_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Like ``replacing`` for a directory that does not exist yet: it appears complete or not at all.

    Raises FileExistsError when ``path`` is already there: such directories (releases) are immutable.
    """
    if path.exists():
        raise FileExistsError(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with in_plain_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        try:
            yield temporary
            move_into_place(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def move_into_place(temporary: Path, path: Path) -> None:
    """Sync a directory with all that is in it, and give it the name ``path``. Raises FileExistsError where one is."""
    for file in temporary.rglob("*"):
        _sync(file)
    _sync(temporary)
    try:
        os.rename(temporary, path)
    except OSError as error:
        # What the system says when another process has put a directory there meanwhile.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(path) from None
        raise
    _sync(path.parent)


def sweep(folder: Path) -> list[Path]:
    """Take away temporary files and directories that killed processes left under ``folder`` more than a day ago.

    What is younger may be somebody's work. Gives what was taken away. Nobody ever reads such a file, so this is about
    space, not about correctness.
    """
    border = time.time() - _DAY
    taken = []
    for path in sorted(path for path in folder.rglob(".*.tmp*") if _TEMPORARY.fullmatch(path.name)):
        # Two processes may sweep at once, and a folder goes with its files.
        with suppress(FileNotFoundError):
            if path.lstat().st_mtime > border:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
            taken.append(path)
    return taken


def remove_directory(path: Path) -> None:
    """Take a directory away: it is whole or not there, also for who looks in between; nothing where there is none."""
    gone = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with suppress(FileNotFoundError):
        os.rename(path, gone)
        shutil.rmtree(gone)


def exchange(one: Path, other: Path) -> None:
    """Let two files or directories of one folder change names, in one step on Linux: neither name is ever missing.

    Elsewhere, and on file systems that cannot, ``other`` is missing for a moment.
    """
    if not _exchanged_in_one_step(one, other):
        aside = one.with_name(f".{one.name}.{uuid.uuid4().hex[:8]}.tmp")
        os.rename(other, aside)
        os.rename(one, other)
        os.rename(aside, one)
    _sync(one.parent)


@contextmanager
def locked(folder: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold ``folder``'s lock in the block: alone, or with others that share it too. A killed process holds none.

    Yields whether it is held, which only ``wait=False`` can leave open: then the block is to do nothing.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, atomically: the same value, the same bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def stored_json(path: Path) -> Any:
    """What a JSON file holds. Raises OSError where it cannot be read, ValueError where it is no JSON."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_text(*parts: str) -> str:
    """Hex SHA-256 over the parts, each length-prefixed so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


@contextmanager
def in_plain_words(path: Path) -> Iterator[None]:
    """Turn a refusal of the system's, whichever library tells of it, into a StorageError that names ``path``."""
    try:
        yield
    except WbragError:
        raise
    except Exception as error:
        # Polars and FAISS raise errors of their own, which hold the system's words.
        told = str(error)
        for refusal in _REFUSALS:
            if getattr(error, "errno", None) == refusal or os.strerror(refusal) in told:
                raise StorageError(getattr(error, "filename", None) or path, os.strerror(refusal).lower()) from error
        raise


def _exchanged_in_one_step(one: Path, other: Path) -> bool:
    """Whether the system could do it (renameat2(2) with RENAME_EXCHANGE; Python's os has no name for it)."""
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    here, both = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if renameat2(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(both)) == 0:
        return True
    problem = ctypes.get_errno()
    if problem in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(problem, os.strerror(problem), str(one), None, str(other))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
