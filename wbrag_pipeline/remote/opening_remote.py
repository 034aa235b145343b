"""Which object store an address means."""

from __future__ import annotations

from pathlib import Path

from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.remote.folder_objects import FolderObjects
from wbrag_pipeline.remote.remote_objects import RemoteObjects
from wbrag_pipeline.settings import Settings


def open_remote(address: str) -> RemoteObjects:
    """The objects at an address of ``checked_remote``; nothing is asked of it yet.

    Raises MissingPartError where the library is not installed.
    """
    if address.startswith("file://"):
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
