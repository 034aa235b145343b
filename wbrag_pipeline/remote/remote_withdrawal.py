"""What was forgotten leaves the remotes that this home sent it to, or took it from.

The home has made its folders again without it. They take the place of the old ones there, under one move of the
pointer; then every object goes that no folder consists of any more, and the list is looked at again. Objects are named
by what is in them, so that nothing of the old folders is left is seen by the names alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from wbrag_pipeline.errors import RemoteError, WbragError
from wbrag_pipeline.home import Home
from wbrag_pipeline.remote.folder_manifest import FolderManifest
from wbrag_pipeline.remote.opening_remote import open_remote
from wbrag_pipeline.remote.pushing import move_pointer, remove_unneeded
from wbrag_pipeline.remote.seen_versions import all_seen, seen_versions
from wbrag_pipeline.remote.shared_place import RemotePointer, SharedPlace

_KEEPS = "a bucket with versions, a soft delete or a retention keeps what was deleted for as long as its rules say"


@dataclass(frozen=True)
class RemoteWithdrawal:
    """What became of one place on a remote.

    place: with the remote's address. objects: how many went. problem: why it may still hold something, "" for nothing.
    keeps: where the store may keep what went.
    """

    place: str
    objects: int
    problem: str
    keeps: str


def withdraw_from_remotes(home: Home) -> list[RemoteWithdrawal]:
    """Bring every place of every remote that this home knows in step with the home, where something was forgotten.

    Releases that are there and not here go too: nobody here can say what is in them.
    """
    return [_withdraw(home, address, key) for address, key in all_seen(home)]


def _withdraw(home: Home, address: str, key: str) -> RemoteWithdrawal:
    named = f"{address}/{key}"
    try:
        removed = _removed(home, address, key)
    except (WbragError, OSError) as error:
        return RemoteWithdrawal(named, 0, error.reason if isinstance(error, RemoteError) else str(error), "")
    keeps = _KEEPS if removed and not address.startswith("file://") else ""
    return RemoteWithdrawal(named, removed, "", keeps)


def _removed(home: Home, address: str, key: str) -> int:
    objects, place = open_remote(address), SharedPlace(home, key)
    before, text = objects.read(place.pointer_key), place.text()
    serves = place.served_by(text)
    if before is None:
        # Another bucket may be asked: that is no proof.
        raise RemoteError(address, f"is not there; if it was deleted, take it out of {home.remotes}")
    if not serves:
        raise RemoteError(
            address, f"this home has no {key} any more; delete it there, and take it out of {home.remotes}"
        )
    there = RemotePointer.parse(before.data, place, address)
    if there.id not in seen_versions(home, address, key).ids:
        raise RemoteError(address, "another machine has moved it since; wbrag release pull, and forget again")
    here = {name: FolderManifest.of(place.folder / name) for name in {serves, *there.folders} & {*place.names()}}
    folders = {name: manifest.digest for name, manifest in here.items()}
    gone = tuple(sorted({*there.gone, *there.folders} - {*folders}))
    new = RemotePointer(serves, text, folders, there.corpus, there.entry, gone)
    move_pointer(objects, place, before, there, new, here)
    removed = remove_unneeded(objects, place, new)
    if remove_unneeded(objects, place, new):
        raise RemoteError(address, "shows objects that were deleted; look for a retention of the bucket")
    return removed
