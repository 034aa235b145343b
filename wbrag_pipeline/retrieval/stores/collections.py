"""Collections that lie outside of the home: how they are named, and how those go that nothing needs any more.

A collection outside cannot be renamed into its place as a folder can. So each has a note in the home from before it is
made until it is dropped::

    collections/wbrag_3f9a….json     in which store it is, and for which home it was made

The index' manifest names the collection. One that has a note and is named by no manifest is what a killed build or an
index that went has left: ``drop_unneeded`` drops it. A copy of a home has the notes too; collections that were made
for a home at another path are never dropped, since the other home may need them.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.home import Home
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import stored_json, write_json
from wbrag_pipeline.store_address import StoreAddress, parse_store

_MANIFESTS = ("indexes/*/*/[!.]*/manifest.json", "releases/*/*/[!.]*/index/manifest.json")


@dataclass(frozen=True)
class Dropped:
    """What ``drop_unneeded`` did.

    counts: how many collections are gone, by the address of their store. others: those that stay because they were
    made for a home at another path, as ``STORE NAME (PATH)``.
    """

    counts: Mapping[str, int]
    others: tuple[str, ...]


@dataclass(frozen=True)
class Collections:
    """The collections of one home in one store."""

    home: Home
    store: StoreAddress

    @classmethod
    def of(cls, settings: Settings) -> Collections:
        """Those of the settings' home in the settings' store."""
        return cls(settings.layout, parse_store(settings.store))

    @property
    def outside(self) -> bool:
        """Whether vectors leave the home."""
        return bool(self.store.place)

    @contextmanager
    def making(self) -> Iterator[str]:
        """A name for a new collection; "" where vectors stay in the index' folder.

        The block makes it, and the index' folder in its place. A collection that no manifest names by then goes.
        """
        if not self.outside:
            yield ""
            return
        name = f"wbrag_{uuid.uuid4().hex[:16]}"
        handle = self._noted(self.home.collections / f"{name}.json")
        try:
            yield name
        except BaseException:
            os.close(handle)
            with suppress(Exception):  # the first error is the one to tell; what stays is dropped by the next build
                drop_unneeded(self.home)
            raise
        os.close(handle)

    def _noted(self, note: Path) -> int:
        """Write the note; gives the open file that holds its lock. Who drops may take it before it is locked."""
        while True:
            write_json(note, {"store": str(self.store), "home": str(self.home.folder.resolve())})
            with suppress(FileNotFoundError):
                handle = os.open(note, os.O_RDONLY)
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_there(note, handle):
                    return handle
                os.close(handle)


def drop_unneeded(home: Home) -> Dropped:
    """Drop the collections that no index of the home names and nobody is making.

    Raises VectorStoreError where a store cannot be reached: their notes stay.
    """
    named: set[str] | None = None
    counts: Counter[str] = Counter()
    others = []
    for note in sorted(home.collections.glob("wbrag_*.json")):
        try:
            handle = os.open(note, os.O_RDONLY)
        except FileNotFoundError:
            continue  # somebody else has dropped it
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not _is_there(note, handle):
                continue
            named = _named(home) if named is None else named
            if note.stem in named:
                continue
            store, made_for = _read(note)
            if made_for != str(home.folder.resolve()):
                others.append(f"{store} {note.stem} ({made_for})")
                continue
            backend_at(store).drop(note.stem)
            counts[str(store)] += 1
            note.unlink()
        finally:
            os.close(handle)
    return Dropped(counts, tuple(others))


def _is_there(note: Path, handle: int) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(note.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _named(home: Home) -> set[str]:
    found = set()
    for pattern in _MANIFESTS:
        for manifest in home.folder.glob(pattern):
            try:
                found.add(str(stored_json(manifest).get("collection", "")))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, AttributeError) as error:
                # What it names is unknown, so any collection may be the one.
                raise IntegrityError(manifest, "is damaged; remove its folder, and make it again") from error
    return found


def _read(note: Path) -> tuple[StoreAddress, str]:
    try:
        found = stored_json(note)
        return parse_store(found["store"]), str(found["home"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(note, "is damaged; drop the collection that it is named for, and remove it") from error
