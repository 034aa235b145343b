"""``--to KIND:PLACE#NAME``, taken apart.

An address is stored, shown and logged, so it must hold no password. One that does is refused, and nothing of it is
repeated: a part of a mistyped address may be the password.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wbrag_pipeline.errors import InputError

_EXAMPLES = {
    "qdrant": "qdrant:http://127.0.0.1:6333#COLLECTION or qdrant:/FOLDER#COLLECTION",
    "pgvector": "pgvector:postgresql://USER@HOST/DATABASE#TABLE",
    "lancedb": "lancedb:/FOLDER#TABLE",
}
# Where the drivers look for what must not be in an address.
_SECRETS = ("PGPASSWORD", "QDRANT_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_POSTGRES_HINT = "put it into PGPASSWORD or ~/.pgpass, or name a service: pgvector:service=NAME#TABLE"
_QDRANT_HINT = "put the key into QDRANT_API_KEY"
_LANCEDB_HINT = "put the keys of an object store into the environment, for example AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True)
class TargetAddress:
    """Where units are published: the kind of store, where it is, and the collection or table."""

    kind: str
    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}#{self.name}"

    @property
    def folder(self) -> Path | None:
        """The folder, where the store is one on this machine."""
        return Path(self.place) if self.kind != "pgvector" and "://" not in self.place else None


def parse_target(text: str) -> TargetAddress:
    """Take ``--to`` apart; a folder becomes absolute.

    Raises InputError for an unknown kind, a missing part, or an address with a password in it.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _EXAMPLES:
        raise InputError("names no store that units can be published to", field="--to", hint=_told(_EXAMPLES.values()))
    place, _, name = rest.rpartition("#")
    if not place or not name:
        raise InputError("must name a place and, after #, a collection or table", field="--to", hint=_EXAMPLES[kind])
    check = {"qdrant": _qdrant, "pgvector": _postgres, "lancedb": _lancedb}[kind]
    return TargetAddress(kind, check(place), name)


def without_secrets(text: str) -> str:
    """``text`` less the passwords and keys of the environment, which a server may repeat."""
    for name in _SECRETS:
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, "…")
    return text


def _qdrant(place: str) -> str:
    return _url(place, _QDRANT_HINT) if "://" in place else _folder(place)


def _lancedb(place: str) -> str:
    return _url(place, _LANCEDB_HINT, schemes=("s3", "gs", "az")) if "://" in place else _folder(place)


def _postgres(place: str) -> str:
    # Asked of libpq itself: who knows what it takes for a password knows what to refuse.
    from wbrag_pipeline.publishing.pgvector_driver import load_psycopg

    psycopg = load_psycopg()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(place)
    except psycopg.Error:
        raise InputError(
            "holds no address that Postgres reads (it is not repeated here, a password may be in it)",
            field="--to",
            hint=f"{_EXAMPLES['pgvector']}; a password does not belong into it: {_POSTGRES_HINT}",
        ) from None
    if any(_is_secret(name) for name in parts):
        raise InputError("holds a password, which would be stored and shown", field="--to", hint=_POSTGRES_HINT)
    return place


def _is_secret(name: str) -> bool:
    return name in ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def _url(place: str, hint: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    try:
        parts = urlsplit(place)
        secret = parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc
        valid = parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        secret, valid = "", ""
    if secret:
        raise InputError("holds a user, a key or a query, which would be stored and shown", field="--to", hint=hint)
    if not valid:
        raise InputError(f"is no {' or '.join(schemes)} address (it is not repeated here)", field="--to", hint=hint)
    return place.rstrip("/")


def _folder(place: str) -> str:
    return str(Path(place).expanduser().absolute())


def _told(examples: Iterable[str]) -> str:
    return "; ".join(examples)
