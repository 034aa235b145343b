"""JSON from people who are not trusted: what other readers would take in silence is an error here."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class BadJson(ValueError):
    """What is wrong, in words; ``at`` is the place in the text where that is known."""

    def __init__(self, problem: str, at: int | None = None, column: int | None = None) -> None:
        super().__init__(problem if column is None else f"{problem} at column {column}")
        self.problem, self.at = problem, at


def json_value(text: str) -> Any:
    """The value of a JSON text. Raises BadJson, also for a key that stands twice, for NaN and for deep nesting."""
    return _in_words(_DECODER.decode, text)


def json_at_start(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at ``start`` of ``text``, and where it ends. Raises BadJson as ``json_value``."""
    found: tuple[Any, int] = _in_words(lambda whole: _DECODER.raw_decode(whole, start), text)
    return found


def _in_words(decode: Any, text: str) -> Any:
    try:
        return decode(text)
    except json.JSONDecodeError as error:
        raise BadJson(error.msg, error.pos, error.colno) from None
    except RecursionError:
        raise BadJson("nested too deeply") from None
    except BadJson:
        raise
    except ValueError:  # Python reads no number of more than some thousand digits
        raise BadJson("a number has too many digits") from None


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadJson(f"the key {twice[:60]!a} stands twice")
    return fields


def _no_number(name: str) -> NoReturn:
    raise BadJson(f"{name} is no number in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_fields, parse_constant=_no_number)
