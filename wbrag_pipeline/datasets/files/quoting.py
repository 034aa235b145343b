"""Values and names from a file as they stand in a message: short, and nothing in them that cannot be printed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_LONGEST = 60  # characters of a value
_FIELDS = 20  # names of fields


def shown(value: object) -> str:
    """A value in quotes, cut where it is long."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def names_shown(names: Iterable[str]) -> str:
    """Names of fields with commas between, cut where they are many."""
    some = [name if name.isprintable() and len(name) <= _LONGEST else shown(name) for name in names]
    return ", ".join(some[:_FIELDS]) + (", …" if len(some) > _FIELDS else "") or "none"


def name_of(path: Path) -> str:
    """A path that can be printed: bytes of its name that are not UTF-8 are written as such."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
