"""Whether a store keeps what sharing releases stands on, tried on an object of its own. No clock has a part in it."""

from __future__ import annotations

import uuid

from wbrag_pipeline.errors import OvertakenError, RemoteError
from wbrag_pipeline.remote.remote_objects import RemoteObject, RemoteObjects


def check_remote(objects: RemoteObjects) -> str:
    """Write, read, list and delete, each conditional write once in vain; gives what was found.

    Raises RemoteError that names what the store does not keep.
    """
    folder = f"doctor/{uuid.uuid4().hex}"
    key = f"{folder}/probe"
    try:
        objects.write(key, b"first", None)
        _must_refuse(objects, key, None, "a first write where something is already (If-None-Match)")
        first = objects.read(key)
        if first is None or first.data != b"first":
            raise RemoteError(objects.address, "does not give back what was written")
        objects.write(key, b"second", first)
        _must_refuse(objects, key, first, "a write over what another machine has changed (If-Match)")
        objects.send(f"{folder}/object", b"content")
        if objects.sizes(folder) != {"probe": 6, "object": 7}:
            raise RemoteError(objects.address, "does not list at once what was written")
    finally:
        objects.delete([key, f"{folder}/object"])
    if objects.sizes(folder):
        raise RemoteError(objects.address, "still lists what was deleted")
    return f"{objects.address}: written, read and deleted; it refuses writes that come too late"


def _must_refuse(objects: RemoteObjects, key: str, before: RemoteObject | None, what: str) -> None:
    try:
        objects.write(key, b"too late", before)
    except OvertakenError:
        return
    problem = f"takes {what}; two machines could overwrite each other unseen, so share releases elsewhere"
    raise RemoteError(objects.address, problem)
