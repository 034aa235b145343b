"""Who is at work in a home: what writes says so, and what must not run beside it waits.

::

    locks/000007-4242.json      one file a run, locked by its process (flock) for as long as it is at work

Files are numbered in the order of arrival, and everybody waits for those that came before alone: nobody starves, and
no two wait for each other. The system frees the lock of a process that was killed; its file is removed by the next.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from wbrag_pipeline.errors import BusyError
from wbrag_pipeline.home import Home
from wbrag_pipeline.storage import in_plain_words, locked, stored_json

# What everybody who writes shares, and forgetting has alone.
WHOLE_HOME = "home"
_log = logging.getLogger("wbrag.locks")
# What the thread holds: it would wait for itself.
_held = threading.local()


@dataclass(frozen=True)
class Holder:
    """One that is at work. ``run`` is the same for all processes of one run; ``since`` is ISO 8601 in UTC.

    alone, shared: what it works on, and whether others may too; see ``corpus_lock`` and ``benchmark_lock``.
    """

    doing: str
    run: str
    process: int
    host: str
    since: str
    alone: tuple[str, ...]
    shared: tuple[str, ...]

    def excludes(self, other: Holder) -> bool:
        """Whether the two must not be at work at the same time."""
        if self.run and self.run == other.run:
            return False
        one, two = {*self.alone}, {*other.alone}
        return bool(one & {*two, *other.shared} or two & {*self.shared})

    def __str__(self) -> str:
        return f"{self.doing} (process {self.process} on {self.host}, since {self.since})"


def corpus_lock(corpus: str) -> str:
    """A refresh has it alone; what is trained and evaluated on the corpus shares it."""
    return f"corpus {corpus}"


def benchmark_lock(variant: str, benchmark: str) -> str:
    """A training has it alone: its tables and its candidate are one file each."""
    return f"benchmark {benchmark} under {variant}"


@contextmanager
def at_work(
    home: Home,
    doing: str,
    *,
    run: str = "",
    alone: Collection[str] = (),
    shared: Collection[str] = (),
    wait: bool = True,
    tell: Callable[[str], object] = _log.warning,
) -> Iterator[None]:
    """Be at work in ``home`` for the block, once all that must not run beside it has ended.

    doing: what is told to whoever waits; no text of a corpus or a question.
    run: a run's id; what belongs to one run never waits for each other.
    tell: called with a sentence each time that somebody must be waited for.

    Raises BusyError, naming who is at work, with ``wait=False`` or where this very thread is.
    """
    everywhere = () if WHOLE_HOME in alone else (WHOLE_HOME,)
    mine = _holder(doing, run, alone, {*shared, *everywhere})
    own = getattr(_held, "files", ())
    with _file_of(home, mine) as (file, before):
        _held.files = (*own, file)
        try:
            for other, holder in before:
                if holder.excludes(mine) and _is_held(other):
                    if not wait or other in own:
                        raise BusyError(doing, str(holder))
                    tell(f"{doing} waits for {holder}")
                    _wait_for(other)
            yield
        finally:
            _held.files = own


@contextmanager
def known_to_live(home: Home, doing: str, run: str) -> Iterator[None]:
    """Let it be seen for the block that the process of a run lives, though it is not at work yet.

    It excludes nobody and waits for nobody, so that whoever waits for the run's work waits for that alone.
    """
    with _file_of(home, _holder(doing, run, (), ())):
        yield


def holders(home: Home) -> list[Holder]:
    """All that are at work in ``home``, in the order in which they came; a run once, with what it locked last."""
    found = ((file, _read(file)) for file in sorted(home.locks.glob("*.json")))
    held = [holder for file, holder in found if holder is not None and _is_held(file)]
    return list({holder.run or str(place): holder for place, holder in enumerate(held)}.values())


def _holder(doing: str, run: str, alone: Collection[str], shared: Collection[str]) -> Holder:
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    return Holder(doing, run, os.getpid(), socket.gethostname(), since, tuple(sorted(alone)), tuple(sorted(shared)))


@contextmanager
def _file_of(home: Home, mine: Holder) -> Iterator[tuple[Path, list[tuple[Path, Holder]]]]:
    """A locked file of one's own for the block, and who came before."""
    file, handle, before = _arrive(home.locks, mine)
    try:
        yield file, before
    finally:
        try:
            file.unlink(missing_ok=True)
        finally:
            os.close(handle)  # whatever becomes of the file, nobody waits for this process any more


def _arrive(folder: Path, mine: Holder) -> tuple[Path, int, list[tuple[Path, Holder]]]:
    """A locked file of one's own, its handle, and who came before."""
    with in_plain_words(folder), locked(folder):
        before = []
        for file in sorted(folder.glob("*.json")):
            holder = _read(file)
            if holder is None or not _is_held(file):
                file.unlink(missing_ok=True)
            else:
                before.append((file, holder))
        number = 1 + (int(before[-1][0].name.split("-")[0]) if before else 0)
        file = folder / f"{number:06d}-{mine.process}.json"
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            os.write(handle, json.dumps(asdict(mine), sort_keys=True).encode())
        except BaseException:
            os.close(handle)
            raise
        return file, handle, before


def _read(file: Path) -> Holder | None:
    try:
        found = stored_json(file)
        return Holder(**{**found, "alone": tuple(found["alone"]), "shared": tuple(found["shared"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # of a process that ended as it came


def _is_held(file: Path) -> bool:
    with suppress(FileNotFoundError), file.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _wait_for(file: Path) -> None:
    with suppress(FileNotFoundError), file.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
