"""From this home to the remote: what is served here, with the corpus' state that it is served over.

Files go first, their manifest after them, the pointer last, by a conditional write. What is there already is not sent
again, so a push that was interrupted goes on. Nobody sees any of it before the pointer has moved.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError, OvertakenError, RemoteError
from wbrag_pipeline.releases.pointer import POINTER, parse_pointer
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.remote.folder_manifest import FolderManifest
from wbrag_pipeline.remote.opening_remote import remote_of
from wbrag_pipeline.remote.pulled_entries import shared_entry
from wbrag_pipeline.remote.remote_objects import RemoteObject, RemoteObjects
from wbrag_pipeline.remote.seen_versions import note_also, note_seen, seen_versions
from wbrag_pipeline.remote.shared_place import RemotePointer, SharedPlace
from wbrag_pipeline.retrieval.corpus import current_state
from wbrag_pipeline.retrieval.index import read_manifest
from wbrag_pipeline.settings import Settings

_log = logging.getLogger("wbrag.remote")


@dataclass(frozen=True)
class Pushed:
    """What a push did. moved: whether a pointer there moved. files, size: how many were sent, and their bytes."""

    moved: bool = False
    files: int = 0
    size: int = 0

    def __add__(self, other: Pushed) -> Pushed:
        return Pushed(self.moved or other.moved, self.files + other.files, self.size + other.size)


def push(settings: Settings, benchmark: str, *, force: bool = False) -> Pushed:
    """Make the remote serve what is served here of a benchmark, with the corpus' state.

    Called while nothing changes the corpus or forgets, see ``run_locks``.
    force: also where another machine moved the pointer since this home saw it; its move is lost.

    Raises NotBuiltError where nothing is served, IntegrityError for what is damaged, InputError without a remote or
    where vectors lie in a folder of this machine, OvertakenError, and RemoteError where it cannot be reached.
    """
    objects, registry = remote_of(settings), Registry.load(settings.home)
    folder = settings.releases(benchmark)
    pushed = _push_corpus(objects, settings, registry.benchmark(benchmark).corpus, force=force)
    return pushed + _push_releases(objects, settings, registry, benchmark, folder, force=force)


def push_served(settings: Settings, registry: Registry, corpus: str, served: Iterable[tuple[str, Path]]) -> None:
    """After a refresh: the corpus' state, and each served release over it (benchmark, folder of its releases).

    Nothing where the settings name no remote, or nothing is served. Raises as ``push``.
    """
    released = [(benchmark, folder) for benchmark, folder in served if (folder / POINTER).is_file()]
    if not settings.remote or not released:
        return
    objects = remote_of(settings)
    _push_corpus(objects, settings, corpus, force=False)
    for benchmark, folder in released:
        _push_releases(objects, settings, registry, benchmark, folder, force=False)


def push_if_set(settings: Settings, benchmark: str) -> Pushed | None:
    """As ``push`` after a promotion or a rollback; None where the settings name no remote, or nothing is served.

    Raises RemoteError, saying that the move was made here all the same, and as ``push``.
    """
    if not settings.remote or not (settings.releases(benchmark) / POINTER).is_file():
        return None
    try:
        return push(settings, benchmark)
    except RemoteError as error:
        again = "" if isinstance(error, OvertakenError) else f"; to send it: wbrag release push {benchmark}"
        raise type(error)(error.remote, f"{error.reason} (in this home it is served{again})") from error


def move_pointer(
    objects: RemoteObjects,
    place: SharedPlace,
    before: RemoteObject | None,
    there: RemotePointer | None,
    new: RemotePointer,
    manifests: Mapping[str, FolderManifest],
) -> Pushed:
    """Send what is missing of these folders of the home, then serve ``new`` in the place of ``there``.

    Raises OvertakenError where something else than ``before`` is there by then.
    """
    sent = _send_missing(objects, place, manifests)
    if there is not None and there.says_the_same_as(new):
        note_seen(place.home, objects.address, place.key, there.id, new.text)
        return sent
    note_also(place.home, objects.address, place.key, new.id)
    try:
        objects.write(place.pointer_key, new.data, before)
    except OvertakenError:
        now = objects.read(place.pointer_key)
        # A store that answers too late has done it all the same, and refuses when it is asked again.
        if now is None or RemotePointer.parse(now.data, place, objects.address).id != new.id:
            raise OvertakenError(objects.address, _overtaken(place, _parsed(now, place, objects))) from None
    # Whoever took unneeded objects away meanwhile did not know of this pointer.
    sent += _send_missing(objects, place, manifests)
    note_seen(place.home, objects.address, place.key, new.id, new.text)
    return Pushed(True, sent.files, sent.size)


def remove_unneeded(objects: RemoteObjects, place: SharedPlace, pointer: RemotePointer) -> int:
    """Take away the objects that no folder of the pointer consists of; gives how many there were.

    Raises IntegrityError where a manifest is missing or damaged: then nobody knows, and all stay.
    """
    needed = set(pointer.folders.values())
    for digest in pointer.folders.values():
        needed |= {facts.sha256 for facts in manifest_of(objects, place, digest).files.values()}
    unneeded = sorted(objects.sizes(place.objects_key).keys() - needed)
    objects.delete([f"{place.objects_key}/{name}" for name in unneeded])
    return len(unneeded)


def manifest_of(objects: RemoteObjects, place: SharedPlace, digest: str) -> FolderManifest:
    """A manifest on the remote. Raises IntegrityError where it is missing or damaged."""
    key = f"{place.objects_key}/{digest}"
    found = objects.read(key)
    return FolderManifest.parse(found.data if found else b"", digest, f"{objects.address}/{key}")


def checked_folder(folder: Path, index: Path) -> FolderManifest:
    """The manifest of a folder that another machine can serve. Raises InputError where its vectors stay here."""
    store = read_manifest(index).address
    if store.folder is not None:
        hint = "use faiss, lancedb, or a server that the other machines reach too"
        raise InputError(f"the vectors lie in a folder of this machine ({store})", field="store", hint=hint)
    return FolderManifest.of(folder)


def _push_corpus(objects: RemoteObjects, settings: Settings, corpus: str, *, force: bool) -> Pushed:
    state = current_state(settings, corpus)
    if state is None:
        raise NotBuiltError(f"the index of corpus {corpus}", "wbrag run BENCHMARK")
    state.check()
    place, manifest = SharedPlace.of_corpus(settings, corpus), checked_folder(state.folder, state.folder)
    entry = shared_entry(settings.home, "corpora", corpus)
    return _push_place(objects, place, state.name, manifest, corpus, entry, force)


def _push_releases(
    objects: RemoteObjects, settings: Settings, registry: Registry, benchmark: str, folder: Path, *, force: bool
) -> Pushed:
    release = current(folder)
    release.verify()
    place = SharedPlace(settings.layout, folder.relative_to(settings.home).as_posix())
    manifest, corpus = checked_folder(release.folder, release.folder / "index"), registry.benchmark(benchmark).corpus
    entry = shared_entry(settings.home, "benchmarks", benchmark)
    return _push_place(objects, place, release.name, manifest, corpus, entry, force)


def _push_place(
    objects: RemoteObjects,
    place: SharedPlace,
    serves: str,
    manifest: FolderManifest,
    corpus: str,
    entry: str,
    force: bool,
) -> Pushed:
    before, text = objects.read(place.pointer_key), place.text()
    try:
        there = _parsed(before, place, objects)
    except IntegrityError:
        if not force:
            raise
        there = None
    if place.served_by(text) != serves:
        raise RemoteError(objects.address, f"{place.key} moved in this home while it was pushed; push again")
    seen = seen_versions(place.home, objects.address, place.key)
    if there is not None and there.id not in seen.ids and there.text != text and not force:
        if seen.knows_text(text):
            return Pushed()  # the remote is ahead, and there is nothing new here
        raise OvertakenError(objects.address, _overtaken(place, there))
    kept = dict(there.folders) if there is not None and place.holds_releases else {}
    folders = {**kept, serves: manifest.digest}
    gone = tuple(name for name in there.gone if name not in folders) if there is not None else ()
    new = RemotePointer(serves, text, folders, corpus, entry, gone)
    pushed = move_pointer(objects, place, before, there, new, {serves: manifest})
    if there is not None and set(there.folders.values()) - set(folders.values()):
        try:
            remove_unneeded(objects, place, new)
        except (IntegrityError, RemoteError) as error:
            _log.warning("objects that nothing needs stay: %s", error)
    return pushed


def _send_missing(objects: RemoteObjects, place: SharedPlace, manifests: Mapping[str, FolderManifest]) -> Pushed:
    there, sent = objects.sizes(place.objects_key), Pushed()
    for name, manifest in manifests.items():
        for path, facts in manifest.files.items():
            if there.get(facts.sha256) != facts.size:
                objects.send(f"{place.objects_key}/{facts.sha256}", place.folder / name / path)
                there[facts.sha256], sent = facts.size, sent + Pushed(False, 1, facts.size)
        if there.get(manifest.digest) != len(manifest.data):
            objects.send(f"{place.objects_key}/{manifest.digest}", manifest.data)
            there[manifest.digest] = len(manifest.data)
    return sent


def _parsed(found: RemoteObject | None, place: SharedPlace, objects: RemoteObjects) -> RemotePointer | None:
    return RemotePointer.parse(found.data, place, objects.address) if found else None


def _overtaken(place: SharedPlace, there: RemotePointer | None) -> str:
    """What happened and what to do, in a sentence."""
    who = ""
    if there is not None and place.holds_releases:
        moves = parse_pointer(there.text, place.file).moves
        who = f" to {there.serves}" + (f" by {moves[0].actor} at {moves[0].moved_at}" if moves else "")
    return (
        f"{place.key} was moved{who} on another machine, which this home has not seen; nothing of this push is served. "
        "Look at it in another home with wbrag release pull, and train on from there; or replace it: "
        "wbrag release push --force"
    )
