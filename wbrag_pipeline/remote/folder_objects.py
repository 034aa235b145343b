"""Objects in a folder that several machines have mounted.

Written as everything else here is, by temporary name, fsync and rename; what must not be overtaken, under a lock.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from wbrag_pipeline.errors import OvertakenError, RemoteError, StorageError
from wbrag_pipeline.remote.remote_objects import RemoteObject
from wbrag_pipeline.storage import locked, replacing


class FolderObjects:
    """``RemoteObjects`` below a folder, which must be there: a disk that is not mounted is not written to."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._folder = Path(address.removeprefix("file://"))

    def read(self, key: str, known: RemoteObject | None = None) -> RemoteObject | None:
        """As ``RemoteObjects.read``."""
        with self._told(key):
            try:
                data = (self._folder / key).read_bytes()
            except FileNotFoundError:
                return None
        return known if known and known.data == data else RemoteObject(data, hashlib.sha256(data).hexdigest())

    def write(self, key: str, data: bytes, before: RemoteObject | None) -> None:
        """As ``RemoteObjects.write``."""
        file = self._folder / key
        with self._told(key), locked(file.parent):
            now = self.read(key)
            if (now.version if now else None) != (before.version if before else None):
                raise OvertakenError(self.address, f"{key} is another one by now")
            with replacing(file) as temporary:
                temporary.write_bytes(data)

    def send(self, key: str, content: Path | bytes) -> None:
        """As ``RemoteObjects.send``."""
        with self._told(key), replacing(self._folder / key) as temporary:
            if isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                shutil.copyfile(content, temporary)

    def fetch(self, key: str, file: Path, size: int) -> None:
        """As ``RemoteObjects.fetch``."""
        with self._told(key):
            shutil.copyfile(self._folder / key, file)

    def sizes(self, prefix: str) -> dict[str, int]:
        """As ``RemoteObjects.sizes``."""
        root = self._folder / prefix
        with self._told(prefix):
            files = [path for path in root.rglob("*") if not path.name.startswith(".") and path.is_file()]
            return {str(path.relative_to(root)): path.stat().st_size for path in files}

    def delete(self, keys: Collection[str]) -> None:
        """As ``RemoteObjects.delete``."""
        with self._told("objects"):
            for key in keys:
                (self._folder / key).unlink(missing_ok=True)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        if not self._folder.is_dir():
            raise RemoteError(self.address, "is not there; mount it, or make the folder")
        try:
            yield
        except StorageError as error:
            raise RemoteError(self.address, f"{key}: {error.reason}") from error
        except OSError as error:
            raise RemoteError(self.address, f"{key}: {(error.strerror or str(error)).lower()}") from error
