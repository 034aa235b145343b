"""One answer that an application gave, and what people said about it: what every reader of logs gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl


@dataclass(frozen=True)
class LoggedAnswer:
    """A question that was asked once, with the answer that was given then.

    place: the file and the line or row, for messages. log_id: its id in the log, "" where it has none.
    answer, correction, comment: "" where there is none.
    passages: ids, or texts where there are no ids, of what was shown with it. asked_at: in UTC. session: the session,
    else the user; None where the log tells neither. up, down: whether anybody found the answer good, or bad.
    correction: the right answer, written by a person.
    """

    place: str
    question: str
    log_id: str = ""
    answer: str = ""
    passages: tuple[str, ...] = ()
    asked_at: datetime | None = None
    session: str | None = None
    up: bool = False
    down: bool = False
    correction: str = ""
    comment: str = ""


# The same as a table, in the order of the files.
LOGGED = pl.Schema(
    {
        "place": pl.String(),
        "question": pl.String(),
        "log_id": pl.String(),
        "answer": pl.String(),
        "passages": pl.List(pl.String()),
        "asked_at": pl.Datetime("us", "UTC"),
        "session": pl.String(),
        "up": pl.Boolean(),
        "down": pl.Boolean(),
        "correction": pl.String(),
        "comment": pl.String(),
    }
)
