"""SIGKILL in forked children: before every single write of some work, or wherever the work arranges it.

A fork must come before any thread (Polars' pool, torch's), so this runs in a process of its own, in which nothing but
children touches a table: a test starts a module with ``told_by`` and gets the JSON objects that it prints.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wbrag_pipeline.settings import Settings

# The calls that change which files there are. A process killed before an fsync leaves what it leaves when it is killed
# before the one of these that follows.
BOUNDARIES = ("replace", "rename", "link", "unlink", "mkdir", "rmdir")


@dataclass(frozen=True)
class Work:
    """prepare: make the home to start from; do: from the old state to the new one, and nothing more where it is done.

    look: what a reader sees, as JSON; raises where it would see half a thing.
    """

    prepare: Callable[[Settings], None]
    do: Callable[[Settings], Any]
    look: Callable[[Settings], dict[str, Any]]


def told_by(module: str, *arguments: str) -> list[dict[str, Any]]:
    """Run a module as a process and read what it prints, a JSON object a line."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def child(do: Callable[[], Any]) -> tuple[int, Any]:
    """``do`` in a fork: its status and what it gave. What libraries print goes nowhere."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            result = do()
        except BaseException:
            result = {"error": traceback.format_exc()}
        with os.fdopen(writing, "wb") as stream:
            stream.write(json.dumps(result).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(pid, 0)
    return status, json.loads(told) if told else None


def kill_at_every_write(work: Work, folder: Path, each: int = 1) -> None:
    """Print what the old and the new state look like, and for every boundary what its death left and what came of it.

    each: 3 takes every third boundary only.

    For each boundary a fresh copy of the same home is killed there; another child looks at what is left, does the work
    again, and looks once more.
    """
    template = Settings(home=folder / "template")
    assert child(lambda: work.prepare(template))[1] is None

    def copied() -> Settings:
        shutil.rmtree(folder / "home", ignore_errors=True)
        shutil.copytree(template.home, folder / "home")
        return Settings(home=folder / "home")

    home = copied()
    _, old = child(lambda: work.look(home))
    _, boundaries = child(lambda: counted(lambda: work.do(home), None))
    _, new = child(lambda: work.look(home))
    print(json.dumps({"boundaries": boundaries, "old": old, "new": new}))
    for number in range(0, boundaries, each):
        home = copied()
        status, _ = child(lambda: counted(lambda: work.do(home), number))  # noqa: B023

        def again() -> list[Any]:
            left = work.look(home)  # noqa: B023
            work.do(home)  # noqa: B023
            return [left, work.look(home)]  # noqa: B023

        print(json.dumps({"number": number, "status": status, "seen": child(again)[1]}), flush=True)


def die() -> None:
    """Here and now, as by ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


def counted(
    do: Callable[[], Any], kill_at: int | None, further: Mapping[Any, Sequence[str]] = MappingProxyType({})
) -> int:
    """Do the work, killed before boundary ``kill_at`` (from 0); gives the number of boundaries that it passed.

    further: names of calls of a module or class that are boundaries beside those of files.
    """
    passed = [0]

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if passed[0] == kill_at:
                die()
            passed[0] += 1
            return real(*args, **kwargs)

        return call

    for owner, names in [(os, BOUNDARIES), *further.items()]:
        for name in names:
            setattr(owner, name, watched(getattr(owner, name)))
    do()
    return passed[0]
