"""Objects in a bucket: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

Keys come from the environment, or from what the provider gives to the machine; they are neither stored nor shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError, PreconditionError
from obstore.store import from_url

from wbrag_pipeline.errors import OvertakenError, RemoteError
from wbrag_pipeline.remote.remote_objects import RemoteObject
from wbrag_pipeline.store_address import without_secrets

# Bytes of one request, which must end within the library's timeout (30 seconds).
_PART = 16 * 1024 * 1024
_PATIENCE = timedelta(seconds=30)
_RETRIES = 3
# Characters of what a store says that are shown.
_SHOWN = 300


class BucketObjects:
    """``RemoteObjects`` in a bucket, below a prefix."""

    def __init__(self, address: str) -> None:
        self.address = address
        with self._told(""):
            self._store = from_url(address, retry_config={"max_retries": _RETRIES, "retry_timeout": _PATIENCE})

    def read(self, key: str, known: RemoteObject | None = None) -> RemoteObject | None:
        """As ``RemoteObjects.read``."""
        with self._told(key):
            try:
                found = obstore.get(self._store, key, options={"if_none_match": known.version} if known else {})
            except NotModifiedError:
                return known
            except FileNotFoundError:
                return None
            return RemoteObject(bytes(found.bytes()), found.meta["e_tag"] or "")

    def write(self, key: str, data: bytes, before: RemoteObject | None) -> None:
        """As ``RemoteObjects.write``: If-None-Match for the first, If-Match from then on."""
        with self._told(key):
            try:
                obstore.put(self._store, key, data, mode={"e_tag": before.version} if before else "create")
            except (AlreadyExistsError, PreconditionError):
                raise OvertakenError(self.address, f"{key} is another one by now") from None

    def send(self, key: str, content: Path | bytes) -> None:
        """As ``RemoteObjects.send``; a large file in parts, of which some are under way at once."""
        with self._told(key):
            obstore.put(self._store, key, content, chunk_size=_PART, max_concurrency=4)

    def fetch(self, key: str, file: Path, size: int) -> None:
        """As ``RemoteObjects.fetch``, part by part: one request for all of a large object would time out."""
        with self._told(key), file.open("wb") as stream:
            for start in range(0, size, _PART):
                stream.write(obstore.get_range(self._store, key, start=start, end=min(start + _PART, size)))

    def sizes(self, prefix: str) -> dict[str, int]:
        """As ``RemoteObjects.sizes``."""
        with self._told(prefix):
            found = [meta for part in obstore.list(self._store, f"{prefix}/") for meta in part]
        return {meta["path"].removeprefix(f"{prefix}/"): meta["size"] for meta in found}

    def delete(self, keys: Collection[str]) -> None:
        """As ``RemoteObjects.delete``."""
        with self._told("objects"):
            for key in keys:
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, key)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise RemoteError(self.address, f"has no such bucket, or no {key}") from error
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            said = without_secrets(str(error).splitlines()[0] if str(error) else type(error).__name__)
            raise RemoteError(self.address, said[:_SHOWN]) from error
