"""Log lines as JSON, one object a line, for what collects logs: ``wbrag serve --log-format json``."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

# What a line tells beside its words, where its record has it: see ``request_facts``.
_FACTS = "wbrag_facts"


def request_facts(method: str, endpoint: str, status: int, seconds: float, asked_by: str) -> dict[str, object]:
    """``extra`` of a log line on a request. asked_by: the token's name, never the token."""
    facts = {"method": method, "endpoint": endpoint, "status": status, "seconds": round(seconds, 6), "token": asked_by}
    return {_FACTS: facts}


class JsonLines(logging.Formatter):
    """``{"time": "2026-11-26T02:00:00.000Z", "level": "INFO", "logger": …, "message": …}``, and a request's facts."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, in ASCII, so that nothing in it is a line's end or steers a terminal."""
        at = datetime.fromtimestamp(record.created, UTC)
        found: dict[str, object] = {
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(found | getattr(record, _FACTS, {}))
