"""What is needed of an object store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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
