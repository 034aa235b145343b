"""Collections that lie outside of the home: how they are named, and how those go that nothing needs any more.

A collection outside cannot be renamed into its place as a folder can. So each has a note in the home from before it is
made until it is dropped::

    collections/wbrag_3f9a….json     in which store it is, for which home it was made, and its versions

The index' manifest names the collection, and the version where states share it. One that has a note and is named by no
manifest is what a killed build or an index that went has left: ``drop_unneeded`` drops it, and of one that is named the
versions that no manifest names. A copy of a home has the notes too; collections that were made for a home at another
path are never dropped, since the other home may need them. They are never added to either, nor is what a copy at the
same path finds noted: its folder of notes is another one.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.home import Home
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.versions import VersionedBackend
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import stored_json, sweep, write_json
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
class _Note:
    """What is noted of a collection.

    folder: the inode of the folder of notes that it was written into first. versions: those that were written and not
    let go. to_erase: whether deleted rows may take room in it.
    """

    store: StoreAddress
    home: str
    folder: int = 0
    versions: tuple[int, ...] = ()
    to_erase: bool = False

    def write(self, file: Path) -> None:
        write_json(file, {**vars(self), "store": str(self.store), "versions": list(self.versions)})


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

    @property
    def versioned(self) -> bool:
        """Whether states may share a collection there."""
        return self.outside and isinstance(backend_at(self.store), VersionedBackend)

    @contextmanager
    def making(self, version: int = 0) -> Iterator[str]:
        """A name for a new collection; "" where vectors stay in the index' folder.

        The block makes it, with this as its first version, and the index' folder in its place. A collection that no
        manifest names by then goes.
        """
        if not self.outside:
            yield ""
            return
        name = f"wbrag_{uuid.uuid4().hex[:16]}"
        self.home.collections.mkdir(parents=True, exist_ok=True)
        made_for, folder = str(self.home.folder.resolve()), self.home.collections.stat().st_ino
        with self._writing(name, _Note(self.store, made_for, folder, (version,) if version else ())):
            yield name

    @contextmanager
    def adding_to(self, name: str, version: int) -> Iterator[str]:
        """The name of a collection that may be added to. The block adds this version, and the index' folder.

        A version that no manifest names by then goes.
        """
        file = self.home.collections / f"{name}.json"
        handle = _locked(file)
        try:
            note = _read(file)
            with self._writing(name, replace(note, versions=(*note.versions, version), to_erase=True)):
                yield name
        finally:
            os.close(handle)

    def may_add_to(self, name: str, base: int) -> bool:
        """Whether this home has made the collection, and ``base`` is the last version of it that a manifest names.

        Raises IntegrityError where a manifest or the note is damaged.
        """
        file = self.home.collections / f"{name}.json"
        return file.is_file() and _is_ours(self.home, _read(file)) and max(_named(self.home)[name], default=0) == base

    @contextmanager
    def _writing(self, name: str, note: _Note) -> Iterator[None]:
        """Note it, and let nobody drop anything of it meanwhile."""
        file = self.home.collections / f"{name}.json"
        while True:
            note.write(file)
            with suppress(FileNotFoundError):
                handle = os.open(file, os.O_RDONLY)
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_there(file, handle):  # who drops may take it before it is locked
                    break
                os.close(handle)
        try:
            yield
        except BaseException:
            os.close(handle)
            with suppress(Exception):  # the first error is the one to tell; what stays is dropped by the next build
                drop_unneeded(self.home)
            raise
        os.close(handle)


def drop_unneeded(home: Home, *, erase: bool = False) -> Dropped:
    """Drop the collections, and the versions of them, that no index of the home names and nobody is making.

    erase: also have the stores give up the room of what went from collections that stay, now or before.

    Raises VectorStoreError where a store cannot be reached: their notes stay.
    """
    sweep(home.collections)
    counts: Counter[str] = Counter()
    others = []
    for file in sorted(home.collections.glob("wbrag_*.json")):
        try:
            handle = os.open(file, os.O_RDONLY)
        except FileNotFoundError:
            continue  # somebody else has dropped it
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not _is_there(file, handle):
                continue
            named = _named(home)  # now that nobody writes into it: what was just made is named by now
            if file.stem in named:
                _drop_versions(home, file, named[file.stem], erase=erase)
                continue
            note = _read(file)
            if note.home != str(home.folder.resolve()):
                others.append(f"{note.store} {file.stem} ({note.home})")
                continue
            backend_at(note.store).drop(file.stem)
            counts[str(note.store)] += 1
            file.unlink()
        finally:
            os.close(handle)
    return Dropped(counts, tuple(others))


def _drop_versions(home: Home, file: Path, named: set[int], *, erase: bool) -> None:
    """Have a collection keep the versions that are named alone; its note is locked."""
    note = _read(file)
    unneeded = not named.issuperset(note.versions)
    to_erase = note.to_erase or unneeded
    if not (unneeded or (erase and to_erase)) or not _is_ours(home, note):
        return  # a store that cannot be reached now is not missed
    backend = backend_at(note.store)
    assert isinstance(backend, VersionedBackend)
    if unneeded:
        backend.keep_versions(file.stem, named)
    if erase and to_erase:
        backend.erase(file.stem)
    # Once, at the end: the new note is another file, which others may lock at once.
    kept = tuple(version for version in note.versions if version in named)
    replace(note, versions=kept, to_erase=to_erase and not erase).write(file)


def _is_ours(home: Home, note: _Note) -> bool:
    """Whether it was noted in this very folder, and not in one that this is a copy of."""
    return note.home == str(home.folder.resolve()) and note.folder == home.collections.stat().st_ino


def _is_there(note: Path, handle: int) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(note.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _locked(file: Path) -> int:
    """The open note, locked, when whoever drops something of the collection is done."""
    while True:
        handle = os.open(file, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_there(file, handle):
            return handle
        os.close(handle)


def _named(home: Home) -> Mapping[str, set[int]]:
    """The collections that manifests name, each with the versions that they name."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for pattern in _MANIFESTS:
        for manifest in home.folder.glob(pattern):
            try:
                said = stored_json(manifest)
                found[str(said.get("collection", ""))].add(int(said.get("version", 0)))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, TypeError, AttributeError) as error:
                # What it names is unknown, so any collection may be the one.
                raise IntegrityError(manifest, "is damaged; remove its folder, and make it again") from error
    return found


def _read(file: Path) -> _Note:
    try:
        found = stored_json(file)
        versions = tuple(int(version) for version in found.get("versions", ()))
        store, folder, to_erase = parse_store(found["store"]), int(found.get("folder", 0)), found.get("to_erase", False)
        return _Note(store, str(found["home"]), folder, versions, bool(to_erase))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(file, "is damaged; drop the collection that it is named for, and remove it") from error
