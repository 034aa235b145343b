"""What is needed of an object store, and which one an address means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.settings import Settings


@dataclass(frozen=True)
class RemoteObject:
    """A small object as it was read. ``version`` is another one whenever the object is (ETag)."""

    data: bytes
    version: str


class RemoteObjects(Protocol):
    """Objects by key. Every method raises RemoteError where the store cannot be reached or refuses.

    address: as ``checked_remote`` gives it.
    """

    address: str

    def read(self, key: str, known: RemoteObject | None = None) -> RemoteObject | None:
        """A small object, None where there is none; ``known`` itself, without a transfer, where it is still that."""

    def write(self, key: str, data: bytes, before: RemoteObject | None) -> None:
        """Write an object in the place of ``before``; None where there must be none yet.

        Raises OvertakenError, and changes nothing, where something else is there by now.
        """

    def send(self, key: str, content: Path | bytes) -> None:
        """Store a file of any size, or some bytes; they are there whole or not at all."""

    def fetch(self, key: str, file: Path, size: int) -> None:
        """Write an object of ``size`` bytes into a file. Whether it is the right one is for the caller to see."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Size in bytes of every object below ``prefix``/, by the rest of its key."""

    def delete(self, keys: Collection[str]) -> None:
        """Take objects away; none where there is none."""


def open_remote(address: str) -> RemoteObjects:
    """The objects at an address of ``checked_remote``; nothing is asked of it yet.

    Raises MissingPartError where the library is not installed.
    """
    if address.startswith("file://"):
        from wbrag_pipeline.remote.folder_objects import FolderObjects

        return FolderObjects(address)
    try:
        from wbrag_pipeline.remote.bucket_objects import BucketObjects
    except ImportError as error:
        raise MissingPartError("obstore, which --remote needs,", "pip install 'wbrag-pipeline[remote]'") from error
    return BucketObjects(address)


def remote_of(settings: Settings) -> RemoteObjects:
    """The remote of the settings.

    Raises InputError where they name none, or one inside the home, which would be searched and cleaned with it; and as
    ``open_remote``.
    """
    if not settings.remote:
        hint = "name one: --remote s3://BUCKET/PATH, or WBRAG_REMOTE"
        raise InputError("there is no remote", field="remote", hint=hint)
    if settings.remote.startswith("file://"):
        folder = Path(settings.remote.removeprefix("file://")).resolve()
        if folder.is_relative_to(settings.home.resolve()):
            raise InputError("is a folder of the home itself", field="remote", hint="use one outside of it")
    return open_remote(settings.remote)
