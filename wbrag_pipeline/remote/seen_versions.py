"""What this home last saw of each remote: ``remote.json`` in the home.

A home moves a pointer only on from what it knows. So two machines that both push are told of each other, also where
hours lie between them; and whoever forgets something knows where it went. Written before a move and after it: after a
kill in between, both what was and what was to be are known.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.home import Home
from wbrag_pipeline.storage import locked, stored_json, write_json


@dataclass(frozen=True)
class SeenVersions:
    """Of one place on one remote: ids of its pointer that are known, and hashes of the pointer's file here then."""

    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def knows_text(self, text: str) -> bool:
        """Whether the pointer's file is as it was when the remote was last seen."""
        return hashlib.sha256(text.encode()).hexdigest() in self.texts


def seen_versions(home: Home, address: str, key: str) -> SeenVersions:
    """What is known of a place; nothing where it was never seen. Raises IntegrityError for a damaged note."""
    return _read(home).get(address, {}).get(key, SeenVersions())


def all_seen(home: Home) -> list[tuple[str, str]]:
    """(address, place) of all that was ever pushed or pulled, remotes in the order of their names."""
    return [(address, key) for address, places in sorted(_read(home).items()) for key in sorted(places)]


def note_seen(home: Home, address: str, key: str, pointer_id: str, text: str) -> None:
    """Note what is there and here, and nothing of before."""
    _write(home, address, key, SeenVersions((pointer_id,), (hashlib.sha256(text.encode()).hexdigest(),)))


def note_also(home: Home, address: str, key: str, pointer_id: str, text: str | None = None) -> None:
    """Note what is about to be, beside what is known. text: where the pointer's file here is about to change."""
    now = seen_versions(home, address, key)
    texts = now.texts if text is None else (*now.texts, hashlib.sha256(text.encode()).hexdigest())
    _write(home, address, key, SeenVersions((*now.ids, pointer_id), texts))


def _write(home: Home, address: str, key: str, seen: SeenVersions) -> None:
    with locked(home.locks):
        now = _read(home)
        now.setdefault(address, {})[key] = seen
        told = {
            remote: {place: {"ids": list(one.ids), "texts": list(one.texts)} for place, one in places.items()}
            for remote, places in now.items()
        }
        write_json(home.remotes, told)


def _read(home: Home) -> dict[str, dict[str, SeenVersions]]:
    try:
        found = stored_json(home.remotes)
        return {
            address: {key: SeenVersions(tuple(one["ids"]), tuple(one["texts"])) for key, one in places.items()}
            for address, places in found.items()
        }
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "restore it from a backup: without it nobody knows where releases of this home went"
        raise IntegrityError(home.remotes, f"is damaged; {hint}") from error
