"""SIGKILL before every single write, in forked children; started by test_kill_at_writes.py as a process of its own.

A write boundary is a call that changes which files there are: replace, rename, link, unlink, mkdir, rmdir. (A process
killed before an fsync leaves what it leaves when it is killed before the call that follows.) The work is one of each
kind of thing that is stored: a stage's table, a corpus' vectors and index, a release, its validation, the pointer forth
and back, the lineage. For every boundary a fresh copy of the same home is killed there; then another child looks at
what is left, does the work again, and looks once more. Prints one JSON object a boundary.

Children are forked, so that imports are paid for once; a fork must come before any thread (Polars' pool), hence nothing
here touches a table in the parent.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss  # noqa: F401

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from wbrag_pipeline import tables
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.retrieval.corpus import build_corpus_index, open_knowledge_base
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing
from wbrag_pipeline.writeback.pointer import moves_of, read_pointer
from wbrag_pipeline.writeback.releases import (
    build_release,
    candidate,
    current,
    open_release,
    promote,
    release_names,
    rollback,
)

BOUNDARIES = ("replace", "rename", "link", "unlink", "mkdir", "rmdir")
ENCODER = CompassEncoder()
OLD, NEW = {"a": 0.0, "b": 90.0}, {"a": 0.0, "b": 91.0, "c": 180.0}
OLD_UNITS, NEW_UNITS = {"u1": 10.0}, {"u1": 10.0, "u2": 20.0}


def store(settings: Settings, angles: dict[str, float]) -> None:
    table = settings.table("passages", "c")
    with replacing(table) as temporary:
        passages_of(angles).write_parquet(temporary)
    build_corpus_index(settings, "c", ENCODER)


def work(settings: Settings) -> None:
    """From the old state to the new one; done again, it changes nothing more."""
    folder, lineage = settings.releases("b"), Lineage(settings.lineage)
    store(settings, NEW)
    release = build_release(units_of(NEW_UNITS), ENCODER, folder, {"run": "new"})
    release.record_validation({"passed": True})
    promote(folder, release.name, actor="child", reason="forth")
    if len(moves_of(folder)) < 3:
        rollback(folder, actor="child", reason="back")
    promote(folder, release.name, actor="child", reason="forth again")
    lineage.record_release("run", settings.variant, "b", release.name, ["u1", "u2"], release.content)
    lineage.record_release_decisions("run", settings.variant, "b", moves_of(folder))


def prepare(settings: Settings) -> None:
    store(settings, OLD)
    release = build_release(units_of(OLD_UNITS), ENCODER, settings.releases("b"), {"run": "old"})
    promote(settings.releases("b"), release.name, actor="test", reason="first")


def looked_at(settings: Settings) -> dict[str, Any]:
    """What a reader sees; raises where it would see half a thing."""
    folder = settings.releases("b")
    served = current(folder)
    served.verify()
    for name in release_names(folder):
        found = open_release(folder, name)
        found.verify()
        assert found.units()["unit_id"].to_list() == sorted(found.index(ENCODER).ids), name
        assert found.units().height in (1, 2)
    pointer = read_pointer(folder)
    assert pointer is not None and pointer.trail[-1] == served.name == pointer.moves[0].release
    candidate(folder).verify()
    angles = dict(tables.PASSAGES.read(settings.table("passages", "c")).select("passage_id", "text").iter_rows())
    assert angles in ({k: str(v) for k, v in OLD.items()}, {k: str(v) for k, v in NEW.items()})
    base = open_knowledge_base(settings, "c", ENCODER).with_writeback(served.units(), served.index(ENCODER))
    corpus = base.hits_with_text(base.search(["1"], 9)).filter(origin="corpus").height
    assert corpus in (len(OLD), len(NEW))
    with Lineage(settings.lineage).connect() as connection:
        decided = connection.execute("SELECT release FROM release_decisions ORDER BY decided_at").fetchall()
    return {
        "served": served.name,
        "releases": release_names(folder),
        "moves": [move["release"] for move in moves_of(folder)],
        "decided": [row[0] for row in decided],
        "indexed": corpus,
        "passages": len(angles),
    }


def child(do: Callable[[], Any]) -> tuple[int, Any]:
    """``do`` in a fork: its status and what it gave."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            result = do()
        except BaseException:
            result = {"error": traceback.format_exc()}
        os.write(writing, json.dumps(result).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(pid, 0)
    return status, json.loads(told) if told else None


def counted(do: Callable[[], Any], kill_at: int | None) -> int:
    """Do the work, killed before boundary ``kill_at`` (from 0); gives the number of boundaries that it passed."""
    passed = [0]

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if passed[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            passed[0] += 1
            return real(*args, **kwargs)

        return call

    for name in BOUNDARIES:
        setattr(os, name, watched(getattr(os, name)))
    do()
    return passed[0]


def main(folder: Path) -> None:
    template = Settings(home=folder / "template")
    assert child(lambda: prepare(template))[1] is None

    def copied() -> Settings:
        shutil.rmtree(folder / "home", ignore_errors=True)
        shutil.copytree(template.home, folder / "home")
        return Settings(home=folder / "home")

    home = copied()
    _, boundaries = child(lambda: counted(lambda: work(home), None))
    _, final = child(lambda: looked_at(home))
    print(json.dumps({"boundaries": boundaries, "final": final}))
    for number in range(boundaries):
        home = copied()
        status, _ = child(lambda: counted(lambda: work(home), number))  # noqa: B023

        def again() -> list[Any]:
            left = looked_at(home)  # noqa: B023
            work(home)  # noqa: B023
            return [left, looked_at(home)]  # noqa: B023

        print(json.dumps({"number": number, "status": status, "seen": child(again)[1]}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
