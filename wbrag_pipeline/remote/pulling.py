"""From the remote to this home: what is served there, with the corpus' state that it is served over.

A folder is downloaded under a temporary name, compared file by file with its manifest, and renamed; a download that was
interrupted goes on. Only then do the pointers of this home move, the corpus' first: a release over a newer corpus is
checked against it when it is opened (``serving.served_system``), as in the middle of a refresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wbrag_pipeline.errors import InputError, IntegrityError, OvertakenError, RemoteError
from wbrag_pipeline.remote.folder_manifest import FileFacts, FolderManifest, has
from wbrag_pipeline.remote.opening_remote import remote_of
from wbrag_pipeline.remote.pulled_entries import write_entries
from wbrag_pipeline.remote.pushing import manifest_of
from wbrag_pipeline.remote.remote_objects import RemoteObject, RemoteObjects
from wbrag_pipeline.remote.seen_versions import note_also, note_seen, seen_versions
from wbrag_pipeline.remote.shared_place import RemotePointer, SharedPlace
from wbrag_pipeline.retrieval.corpus import COMMITTED_STATE
from wbrag_pipeline.run_locks import at_work, corpus_lock
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import exchange, locked, move_into_place, remove_directory, replacing, sweep, write_text


@dataclass(frozen=True)
class RemoteView:
    """Both pointers of a benchmark as they were read, to ask later whether they are still that."""

    releases: RemoteObject
    states: RemoteObject


@dataclass(frozen=True)
class Pulled:
    """What a pull found and did. files, size: what was downloaded, in bytes. moved: whether a pointer here moved."""

    view: RemoteView
    release: str
    moved: bool = False
    files: int = 0
    size: int = 0


def has_moved(settings: Settings, benchmark: str, known: RemoteView | None) -> bool:
    """Whether the remote's pointers are others than ``known``; two small requests. Raises RemoteError."""
    if known is None:
        return True
    objects = remote_of(settings)
    releases = SharedPlace.of_releases(settings, benchmark)
    now = objects.read(releases.pointer_key, known.releases)
    if now is not known.releases:
        return True
    states = _states_of(settings, _pointer(objects, releases, now))
    return objects.read(states.pointer_key, known.states) is not known.states


def pull(
    settings: Settings,
    benchmark: str,
    *,
    force: bool = False,
    every_release: bool = False,
    wait: bool = True,
    tell: Callable[[str], object] = lambda line: None,
) -> Pulled:
    """Serve here what the remote serves of a benchmark; waits for runs over its corpus.

    force: also where this home has moved its own pointers since; its releases stay. every_release: download the
    others of the remote too, for a rollback. wait, tell: as ``run_locks.at_work`` takes them.

    Raises RemoteError where it cannot be reached or has no such benchmark, IntegrityError for what is damaged there,
    OvertakenError for moves of this home's own, and InputError as ``write_entries``.
    """
    objects, releases = remote_of(settings), SharedPlace.of_releases(settings, benchmark)
    corpus = _pointer(objects, releases, objects.read(releases.pointer_key)).corpus
    locks = [corpus_lock(corpus)]
    with at_work(settings.layout, f"pull of {benchmark}", alone=locks, wait=wait, tell=tell):
        read = objects.read(releases.pointer_key)
        served = _pointer(objects, releases, read)
        states = _states_of(settings, served)
        read_states = objects.read(states.pointer_key)
        state = _pointer(objects, states, read_states)
        assert read is not None and read_states is not None
        pairs = ((states, state), (releases, served))
        for place, pointer in pairs:
            if not force and not _is_in_step(objects, place, pointer):
                raise _moved_here(objects, place)
        settings.layout.mark_layout()
        write_entries(settings.layout, (state.corpus, state.entry), (benchmark, served.entry))
        pulled = Pulled(RemoteView(read, read_states), served.serves)
        for place, pointer in pairs:
            names = [pointer.serves, *(sorted(pointer.folders) if every_release and place is releases else ())]
            files = [facts for name in names for facts in _download(objects, place, pointer, name)]
            size = sum(facts.size for facts in files)
            pulled = replace(pulled, files=pulled.files + len(files), size=pulled.size + size)
        if pulled.files or any(place.text() != pointer.text for place, pointer in pairs):
            # Whether units and corpus are in step was known of what was here before.
            (states.folder / COMMITTED_STATE).unlink(missing_ok=True)
        for place, pointer in pairs:
            pulled = replace(pulled, moved=_follow(objects, place, pointer) or pulled.moved)
        return pulled


def _pointer(objects: RemoteObjects, place: SharedPlace, found: RemoteObject | None) -> RemotePointer:
    if found is None:
        hint = "push it on the machine that has it, with the same settings: wbrag release push BENCHMARK"
        raise RemoteError(objects.address, f"has no {place.key} ({hint})")
    return RemotePointer.parse(found.data, place, objects.address)


def _states_of(settings: Settings, served: RemotePointer) -> SharedPlace:
    return SharedPlace.of_corpus(settings, served.corpus)


def _is_in_step(objects: RemoteObjects, place: SharedPlace, pointer: RemotePointer) -> bool:
    """Whether this home's pointer is as it was when the remote was last seen, or as the remote's is now."""
    text, seen = place.text(), seen_versions(place.home, objects.address, place.key)
    return not text or text == pointer.text or seen.knows_text(text)


def _moved_here(objects: RemoteObjects, place: SharedPlace) -> OvertakenError:
    problem = f"this home has moved {place.key} itself since it saw the remote, and nothing was changed"
    hint = "to send that there: wbrag release push; to follow the remote all the same: wbrag release pull --force"
    return OvertakenError(objects.address, f"{problem} ({hint})")


def _replaceable(objects: RemoteObjects, place: SharedPlace, pointer: RemotePointer) -> set[str]:
    """Folders here whose place the remote's may take: forgetting makes one again under its name. Not what we made."""
    return place.known_names() if not place.holds_releases or _is_in_step(objects, place, pointer) else set()


def _download(objects: RemoteObjects, place: SharedPlace, pointer: RemotePointer, name: str) -> list[FileFacts]:
    """Have a folder here as it is there; gives what was downloaded. What is served meanwhile is never half of it."""
    manifest, target = manifest_of(objects, place, pointer.folders[name]), place.folder / name
    partial = place.folder / f".{name}.tmp"
    with locked(place.folder):
        _sweep(place, partial)
        if manifest.is_whole(target):
            remove_directory(partial)  # what was exchanged with it before a kill
            return []
        if target.exists() and name not in _replaceable(objects, place, pointer):
            hint = "pull into a home of its own, or wbrag release push --force"
            raise InputError(f"this home made a {name} of its own, which is another one", field="release", hint=hint)
        for left_over in (path for path in partial.rglob("*") if path.is_file()):
            if left_over.relative_to(partial).as_posix() not in manifest.files:
                left_over.unlink()
        fetched = []
        for path, facts in manifest.files.items():
            if not has(partial / path, facts):
                _fetch(objects, f"{place.objects_key}/{facts.sha256}", partial / path, facts)
                fetched.append(facts)
        if target.exists():
            exchange(partial, target)
            remove_directory(partial)
        else:
            move_into_place(partial, target)
        return fetched


def _sweep(place: SharedPlace, partial: Path) -> None:
    """Take away what killed processes left, but for the download that goes on; called while the place is locked."""
    sweep(place.folder)
    for left_over in place.folder.glob(".*.tmp"):
        # Whoever builds a state holds the lock too; a release may be being built.
        ours = not place.holds_releases or place.is_name(left_over.name[1:-4])
        if ours and left_over != partial:
            remove_directory(left_over)


def _fetch(objects: RemoteObjects, key: str, file: Path, facts: FileFacts) -> None:
    with replacing(file) as temporary:
        objects.fetch(key, temporary, facts.size)
        if not has(temporary, facts):
            problem = "is not what its name says, and nothing of it is served; delete it there, and push again"
            raise IntegrityError(f"{objects.address}/{key}", problem)


def _follow(objects: RemoteObjects, place: SharedPlace, pointer: RemotePointer) -> bool:
    """Move this home's pointer to the remote's, and let go what no home may keep; gives whether it moved."""
    text, replaceable = place.text(), _replaceable(objects, place, pointer)
    if text != pointer.text:
        note_also(place.home, objects.address, place.key, pointer.id, pointer.text)
        write_text(place.file, pointer.text)
    note_seen(place.home, objects.address, place.key, pointer.id, pointer.text)
    before = place.served_by(text)
    for name in place.names():
        stays = name == pointer.serves or _may_stay(place, pointer, name, before, replaceable)
        if not stays:
            remove_directory(place.folder / name)
    return text != pointer.text


def _may_stay(place: SharedPlace, pointer: RemotePointer, name: str, before: str, replaceable: set[str]) -> bool:
    """Whether a folder that is not served stays: the state before, for who has it open; a release as it is there."""
    if name in pointer.gone or not place.holds_releases:
        return name == before and name not in pointer.gone
    if name not in pointer.folders or name not in replaceable:
        return True
    return FolderManifest.of(place.folder / name).digest == pointer.folders[name]
