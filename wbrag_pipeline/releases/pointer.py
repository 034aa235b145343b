"""Which release is served: the file ``CURRENT``, swapped by one rename.

::

    r000003
    {"action": "promote", "release": "r000003", "previous": "r000001", "actor": "run 4f1c", ...}
    {"action": "promote", "release": "r000001", "previous": "", ...}

The first line is the served release; each line below is one move of the pointer, newest first. Pointer and history are
one file, so that no crash leaves one of them without the other; the lineage gets the same moves for good.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.storage import write_text

POINTER = "CURRENT"
RELEASE_NAME = re.compile(r"r[0-9]{6,}")
# Moves that the file keeps. All of them are in the lineage.
_KEPT_MOVES = 200

Action = Literal["promote", "rollback"]


@dataclass(frozen=True)
class Move:
    """One move of the pointer. ``previous`` is empty for the first; ``moved_at`` is ISO 8601 in UTC."""

    move_id: str
    moved_at: str
    action: str
    release: str
    previous: str
    actor: str
    reason: str


@dataclass(frozen=True)
class Pointer:
    """The served release and the moves that led there, newest first."""

    release: str
    moves: tuple[Move, ...] = ()

    @property
    def trail(self) -> list[str]:
        """What was served, oldest first and the served one last, less what was rolled back from.

        A rollback goes to the last but one; promoting a release again puts it at the end.
        """
        trail: list[str] = [move.previous for move in self.moves[-1:] if move.previous]
        for move in reversed(self.moves):
            if move.action == "rollback":
                while trail and trail[-1] != move.release:
                    trail.pop()
            if not trail or trail[-1] != move.release:
                trail.append(move.release)
        return trail or [self.release]

    def rolled_back(self, release: str) -> Move | None:
        """The rollback that took ``release`` out of service, if nobody has promoted it since."""
        for move in self.moves:
            if move.release == release:
                return None
            if move.action == "rollback" and move.previous == release:
                return move
        return None


def read_pointer(folder: Path) -> Pointer | None:
    """The pointer of a benchmark's releases; None when nothing was ever served.

    Raises IntegrityError when the file is damaged.
    """
    file = folder / POINTER
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        text = ""
    return parse_pointer(text, file)


def parse_pointer(text: str, file: Path) -> Pointer:
    """The pointer that a file's text is. Raises IntegrityError, naming the file, when it is none."""
    folder, lines = file.parent, text.splitlines()
    if not lines or not RELEASE_NAME.fullmatch(lines[0]):
        raise IntegrityError(
            file, f"names no release; choose one of wbrag release list {folder.name} with wbrag release promote"
        )
    wanted = {field.name for field in fields(Move)}
    moves = []
    for line in lines[1:]:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or set(found) != wanted or not all(isinstance(v, str) for v in found.values()):
            raise IntegrityError(
                file, f"has a damaged history; repair it with: wbrag release promote {folder.name} {lines[0]}"
            )
        moves.append(Move(**found))
    if moves and moves[0].release != lines[0]:
        raise IntegrityError(
            file, f"names another release than its last move; choose one with: wbrag release promote {folder.name}"
        )
    return Pointer(lines[0], tuple(moves))


def served_name(folder: Path) -> str:
    """Name of the served release; empty where there is none, or where the pointer is damaged."""
    try:
        now = read_pointer(folder)
    except IntegrityError:
        return ""
    return now.release if now else ""


def moves_of(folder: Path) -> list[dict[str, str]]:
    """The moves that the pointer's file knows, newest first, as ``Lineage.record_release_decisions`` takes them."""
    try:
        now = read_pointer(folder)
    except IntegrityError:
        now = None
    facts = [asdict(move) for move in now.moves] if now else []
    return [{"decision_id": fact.pop("move_id"), "decided_at": fact.pop("moved_at"), **fact} for fact in facts]


def move(folder: Path, before: Pointer | None, release: str, action: Action, actor: str, reason: str) -> Move:
    """Swap the pointer from ``before`` to ``release``; called while holding the folder's lock (``storage.locked``)."""
    return move_through(folder, before, [(action, release, reason)], actor)


def move_through(folder: Path, before: Pointer | None, steps: Sequence[tuple[Action, str, str]], actor: str) -> Move:
    """Move the pointer by one step (action, release, reason) after the other, in one swap; gives the last move.

    Nobody is served the releases between. Called while holding the folder's lock.
    """
    moves = before.moves if before else ()
    served = before.release if before else ""
    for action, release, reason in steps:
        made = Move(
            move_id=uuid.uuid4().hex,
            moved_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            action=action,
            release=release,
            previous=served,
            actor=actor,
            reason=reason,
        )
        moves, served = (made, *moves)[:_KEPT_MOVES], release
    lines = [served, *(json.dumps(asdict(one), sort_keys=True, ensure_ascii=False) for one in moves)]
    write_text(folder / POINTER, "\n".join(lines) + "\n")
    return moves[0]
