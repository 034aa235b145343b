"""Pushes and pulls killed before each write: ``python -m tests.remote.killing_shares WORK FOLDER REMOTE EACH``.

The remote is a folder, or a bucket whose server is another process. For every boundary, a call that changes a file or
an object, homes and remote are put back as they were; a child is killed there, another looks at what a home that
serves finds, pulls and looks again, a third does the work again and looks.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401
import faiss  # noqa: F401

from tests.failures.forking import child, counted
from tests.failures.killing_writes import ENCODER, NEW, forget, prepare, refresh, units, write_source
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.releases.store import build_release, promote
from wbrag_pipeline.remote.opening_remote import open_remote
from wbrag_pipeline.remote.pulling import pull
from wbrag_pipeline.remote.pushing import push
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings

# What changes objects in a bucket; in a folder these are the boundaries of files.
REQUESTS = ("write", "send", "delete")


def served(settings: Settings) -> list[Any]:
    """What somebody who searches this home finds; raises where something is half, or damaged."""
    here = settings.with_(remote="")
    found = LiveRetriever(here, "b", ENCODER).search(["1"], 9, labels=())
    return [found.release, sorted(found.hits.select("origin", "text").rows())]


def looked(other: Settings) -> list[Any]:
    """What a serving home finds now, and after a pull: [before, after]."""
    before = served(other)
    pull(other, "b")
    return [before, served(other)]


def promoted(settings: Settings) -> None:
    release = build_release(units(a=0.0), ENCODER, settings.releases("b"), {"run": "new"})
    promote(settings.releases("b"), release.name, actor="child", reason="new")


def refreshed(settings: Settings) -> None:
    write_source(settings, NEW)
    refresh(settings.with_(remote=""))


# What happens in the training home before, and what is killed: in it, or in the serving home.
WORKS: dict[str, tuple[Callable[[Settings], None], Callable[[Settings, Settings], Any]]] = {
    "push": (promoted, lambda one, other: push(one, "b")),
    "push of a refresh": (refreshed, lambda one, other: push(one, "b")),
    "forget": (lambda one: None, lambda one, other: forget(one)),
    "pull": (lambda one: (promoted(one), refreshed(one), push(one, "b"))[0], lambda one, other: pull(other, "b")),
}


def main(work: str, folder: Path, remote: str, each: int) -> None:
    """Print what is served before and after, then what each death left."""
    before, do = WORKS[work]
    one, other = (Settings(home=folder / "homes" / name, remote=remote) for name in ("one", "other"))
    bucket = remote.startswith("s3://")

    def made() -> None:
        prepare(one.with_(remote=""))
        push(one, "b")
        pull(other, "b")
        old.append(served(other))
        before(one)

    old: list[Any] = []
    assert child(lambda: (made(), old)[1])[1][0] is not None
    kept = child(lambda: _objects(remote))[1] if bucket else None
    shutil.copytree(folder / "homes", folder / "template")

    def put_back() -> None:
        shutil.rmtree(folder / "homes")
        shutil.copytree(folder / "template", folder / "homes")
        if kept is not None:
            child(lambda: _restore(remote, kept))

    _, old_seen = child(lambda: served(other))
    _, boundaries = child(lambda: _counted(lambda: do(one, other), None, bucket))
    _, (_, new) = child(lambda: looked(other))
    print(json.dumps({"boundaries": boundaries, "old": old_seen, "new": new, "trained": child(lambda: served(one))[1]}))
    for number in range(0, boundaries, each):
        put_back()
        status, _ = child(lambda: _counted(lambda: do(one, other), number, bucket))  # noqa: B023

        def again() -> list[Any]:
            seen = looked(other)
            do(one, other)
            return [*seen, looked(other)[1]]

        print(json.dumps({"number": number, "status": status, "seen": child(again)[1]}), flush=True)


def _objects(remote: str) -> dict[str, str]:
    objects = open_remote(remote)
    found = {}
    for place in ("releases", "indexes"):
        for key in objects.sizes(place):
            one = objects.read(f"{place}/{key}")
            assert one is not None
            found[f"{place}/{key}"] = one.data.hex()
    return found


def _restore(remote: str, kept: dict[str, str]) -> None:
    objects = open_remote(remote)
    for place in ("releases", "indexes"):
        objects.delete([f"{place}/{key}" for key in objects.sizes(place) if f"{place}/{key}" not in kept])
    for key, data in kept.items():
        objects.send(key, bytes.fromhex(data))


def _counted(do: Callable[[], Any], kill_at: int | None, bucket: bool) -> int:
    """As ``forking.counted``, of a bucket also before its requests; an error that is told fails the test."""
    further: dict[Any, Sequence[str]] = {}
    if bucket:
        from wbrag_pipeline.remote.bucket_objects import BucketObjects

        further = {BucketObjects: REQUESTS}
    try:
        return counted(do, kill_at, further)
    except WbragError as error:
        raise AssertionError(str(error)) from error


if __name__ == "__main__":
    registry.BUILT_IN = Path(sys.argv[2]) / "nothing"  # whose questions forgetting would read each time
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
