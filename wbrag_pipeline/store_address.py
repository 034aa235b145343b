"""Addresses of stores, as text. ``--store`` is ``KIND:PLACE``, ``--to`` one with a name after it, ``--remote`` a URL.

An address is stored, shown and logged, so it must hold no password. One that does is refused, and nothing of it is
repeated: a part of a mistyped address may be the password.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wbrag_pipeline.errors import InputError, MissingPartError

# Where the drivers look for what must not be in an address.
_SECRETS = (
    *("PGPASSWORD", "QDRANT_API_KEY"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    *(f"AZURE_{name}" for name in ("CLIENT_SECRET", "STORAGE_CLIENT_SECRET", "STORAGE_TOKEN")),
    *(f"AZURE_STORAGE_{name}" for name in ("ACCOUNT_KEY", "ACCESS_KEY", "ACCOUNT_MASTER_KEY", "SAS_KEY", "SAS_TOKEN")),
)
_EXAMPLES = {
    "qdrant": "qdrant:http://127.0.0.1:6333 or qdrant:/FOLDER",
    "pgvector": "pgvector:postgresql://USER@HOST/DATABASE",
    "lancedb": "lancedb:/FOLDER or lancedb:s3://BUCKET/PATH",
}
_POSTGRES_HINT = "put it into PGPASSWORD or ~/.pgpass, or name a service: pgvector:service=NAME"
_QDRANT_HINT = "put the key into QDRANT_API_KEY"
_LANCEDB_HINT = "put the keys of an object store into the environment, for example AWS_SECRET_ACCESS_KEY"
_OBJECT_STORES = ("s3", "gs", "az")
_REMOTE_EXAMPLE = "s3://BUCKET/PATH, gs://BUCKET/PATH, az://ACCOUNT/CONTAINER/PATH or file:///FOLDER"
# A bucket and folders in it. No colon: there is no port, and a key has one before it.
_IN_A_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_=+,-][A-Za-z0-9._=+,-]*)*")

_QDRANT_SECONDS = 60


@dataclass(frozen=True)
class StoreAddress:
    """The kind of store, and where it is.

    place: a URL, a folder (absolute) or what libpq reads; "" for the kinds that keep their vectors in the home.
    """

    kind: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}" if self.place else self.kind

    @property
    def folder(self) -> Path | None:
        """The folder, where the store is one on this machine."""
        return Path(self.place) if self.place and self.kind != "pgvector" and "://" not in self.place else None


# In the folder of each index, beside its ids.
FAISS = StoreAddress("faiss")
_IN_THE_HOME = (FAISS, StoreAddress("lancedb"))


def parse_store(text: str, field: str = "--store") -> StoreAddress:
    """Take ``--store`` apart; a folder becomes absolute.

    Raises InputError for an unknown kind, a missing part, or an address with a password in it.
    """
    embedded = next((address for address in _IN_THE_HOME if str(address) == text), None)
    if embedded is not None:
        return embedded
    kind, _, place = text.partition(":")
    if kind not in _EXAMPLES:
        hint = "; ".join([*map(str, _IN_THE_HOME), *_EXAMPLES.values()])
        raise InputError("names no store of vectors", field=field, hint=hint)
    if not place:
        raise InputError("must say where the store is", field=field, hint=_EXAMPLES[kind])
    return StoreAddress(kind, checked_place(kind, place, field))


def checked_place(kind: str, place: str, field: str) -> str:
    """The place of a store of this kind as it is written down. Raises InputError as ``parse_store`` does."""
    check = {"qdrant": _qdrant, "pgvector": _postgres, "lancedb": _lancedb}[kind]
    return check(place, field)


def checked_remote(text: str, field: str = "--remote") -> str:
    """``--remote`` as it is written down, "" for none.

    Raises InputError for what is no address of an object store or a folder, and for one with a key in it.
    """
    if not text:
        return ""
    if text.startswith("file://"):
        folder = text.removeprefix("file://")
        if not folder.startswith("/") or not folder.isprintable() or ".." in folder.split("/"):
            raise InputError("names no folder", field=field, hint="with its whole path: file:///FOLDER")
        return f"file://{Path(folder)}"
    place = _url(text, _LANCEDB_HINT, field, _OBJECT_STORES, _REMOTE_EXAMPLE)
    if not _IN_A_BUCKET.fullmatch(place.partition("://")[2]):
        hint = f"{_REMOTE_EXAMPLE}; {_LANCEDB_HINT}"
        raise InputError("holds more than a bucket and folders (it is not repeated here)", field=field, hint=hint)
    return place


def without_secrets(text: str) -> str:
    """``text`` less the passwords and keys of the environment, which a server may repeat."""
    for name in _SECRETS:
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, "…")
    return text


def load_psycopg() -> Any:
    """psycopg, the extra ``pgvector``. Raises MissingPartError with the command that installs it."""
    try:
        import psycopg.conninfo
        import psycopg.sql
    except ImportError as error:
        raise MissingPartError("psycopg, which pgvector: needs,", "pip install 'wbrag-pipeline[pgvector]'") from error
    return psycopg


def load_lancedb() -> Any:
    """LanceDB, the extra ``lancedb``. Raises MissingPartError with the command that installs it."""
    try:
        import lancedb
    except ImportError as error:
        raise MissingPartError("lancedb, which lancedb: needs,", "pip install 'wbrag-pipeline[lancedb]'") from error
    return lancedb


def load_qdrant() -> Any:
    """Qdrant's client, the extra ``qdrant``. Raises MissingPartError with the command that installs it."""
    try:
        import qdrant_client
    except ImportError as error:
        raise MissingPartError("qdrant-client, which qdrant: needs,", "pip install 'wbrag-pipeline[qdrant]'") from error
    return qdrant_client


def connect_qdrant(address: StoreAddress) -> Any:
    """A client of a server, whose key is read from QDRANT_API_KEY, or of a folder, which it makes and locks."""
    client = load_qdrant().QdrantClient
    if address.folder is not None:
        return client(path=str(address.folder))
    key = os.environ.get("QDRANT_API_KEY", "").strip() or None
    return client(url=address.place, api_key=key, timeout=_QDRANT_SECONDS, check_compatibility=False)


def _qdrant(place: str, field: str) -> str:
    return (
        _url(place, _QDRANT_HINT, field, ("http", "https"), _EXAMPLES["qdrant"]) if "://" in place else _folder(place)
    )


def _lancedb(place: str, field: str) -> str:
    return _url(place, _LANCEDB_HINT, field, _OBJECT_STORES, _EXAMPLES["lancedb"]) if "://" in place else _folder(place)


def _postgres(place: str, field: str) -> str:
    # Asked of libpq itself: who knows what it takes for a password knows what to refuse.
    psycopg = load_psycopg()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(place)
    except psycopg.Error:
        raise InputError(
            "holds no address that Postgres reads (it is not repeated here, a password may be in it)",
            field=field,
            hint=f"{_EXAMPLES['pgvector']}; a password does not belong into it: {_POSTGRES_HINT}",
        ) from None
    if any(_is_secret(name) for name in parts):
        raise InputError("holds a password, which would be stored and shown", field=field, hint=_POSTGRES_HINT)
    return place


def _is_secret(name: str) -> bool:
    return name in ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def _url(place: str, hint: str, field: str, schemes: tuple[str, ...], example: str) -> str:
    try:
        parts = urlsplit(place)
        secret = parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc
        valid = parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        secret, valid = "", ""
    if secret:
        raise InputError("holds a user, a key or a query, which would be stored and shown", field=field, hint=hint)
    if not valid:
        raise InputError(f"is no {' or '.join(schemes)} address (it is not repeated here)", field=field, hint=example)
    return place.rstrip("/")


def _folder(place: str) -> str:
    return str(Path(place).expanduser().absolute())
