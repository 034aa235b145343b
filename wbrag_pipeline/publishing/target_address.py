"""``--to KIND:PLACE#NAME``, taken apart: a store, and a collection or table in it."""

from __future__ import annotations

from dataclasses import dataclass

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.store_address import StoreAddress, checked_place

_EXAMPLES = {
    "qdrant": "qdrant:http://127.0.0.1:6333#COLLECTION or qdrant:/FOLDER#COLLECTION",
    "pgvector": "pgvector:postgresql://USER@HOST/DATABASE#TABLE",
    "lancedb": "lancedb:/FOLDER#TABLE",
}


@dataclass(frozen=True)
class TargetAddress(StoreAddress):
    """Where units are published: the kind of store, where it is, and the collection or table."""

    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}#{self.name}"


def parse_target(text: str) -> TargetAddress:
    """Take ``--to`` apart; a folder becomes absolute.

    Raises InputError for an unknown kind, a missing part, or an address with a password in it.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _EXAMPLES:
        hint = "; ".join(_EXAMPLES.values())
        raise InputError("names no store that units can be published to", field="--to", hint=hint)
    place, _, name = rest.rpartition("#")
    if not place or not name:
        raise InputError("must name a place and, after #, a collection or table", field="--to", hint=_EXAMPLES[kind])
    return TargetAddress(kind, checked_place(kind, place, "--to"), name)
