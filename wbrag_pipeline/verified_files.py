"""Hashes of large files, computed once on a machine for as long as the file stays as it is.

A file of many gigabytes takes minutes to hash, and a state of a corpus never changes. So the hash is kept under the
user's cache folder (``XDG_CACHE_HOME``), together with size, time of change and inode, which say whether the file is
still the same. That finds what a broken disk or copy does to a file, and not somebody who sets all of these back:
``wbrag doctor`` reads every file.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from wbrag_pipeline.storage import sha256_of_file, sha256_of_text, stored_json, write_json

# Smaller files are hashed each time: that takes a tenth of a second.
_LARGE = 128 * 1024 * 1024
# Seconds. A file that has just been written may be written again within the same tick of the clock.
_SETTLED = 2.0


def known_sha256(file: Path) -> str:
    """The hash of a file, as ``storage.sha256_of_file`` gives it. Raises OSError where it cannot be read."""
    before = _facts(file)
    if before["size"] < _LARGE:
        return sha256_of_file(file)
    note = _notes() / f"{sha256_of_text(os.path.realpath(file))}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = stored_json(note)
        if found["facts"] == before:
            return str(found["sha256"])
    sha256 = sha256_of_file(file)
    if _facts(file) == before and time.time() - before["mtime_ns"] / 1e9 > _SETTLED:
        with suppress(OSError):  # without a place for it the file is read again the next time
            write_json(note, {"facts": before, "sha256": sha256})
    return sha256


def forget_known_hashes() -> None:
    """Have every file read again."""
    shutil.rmtree(_notes(), ignore_errors=True)


def _facts(file: Path) -> dict[str, int]:
    found = file.stat()
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino, "device": found.st_dev}


def _notes() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "wbrag" / "hashes"
