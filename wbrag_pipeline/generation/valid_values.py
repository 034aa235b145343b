"""What a text, a count and a probability may be, whoever tells them: a server, an engine, a stored answer.

Each function gives the value as it is used from then on, or raises ValueError and says what is wrong with it. What was
told is not repeated, so that the message can be shown.
"""

from __future__ import annotations

import math
from typing import Any

# What arithmetic in few bits may add to a log-probability of 0; such a one is 0.
ROUNDING = 1e-4
# No prompt and no answer has so many tokens.
MOST_TOKENS = 100_000_000


def valid_text(value: Any) -> str:
    """A text that can be stored: half of a surrogate pair cannot."""
    if not isinstance(value, str):
        raise ValueError(f"{_kind(value)} in place of a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a text with half of a surrogate pair") from None
    return value


def valid_count(value: Any, what: str = "a count") -> int:
    """A number of tokens."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TOKENS:
        raise ValueError(f"{what} is no count")
    return value


def valid_logprob(value: Any) -> float:
    """A natural log-probability; 0 for one that is above 0 by rounding. Of something impossible it is -inf."""
    number = valid_number(value)
    if number > ROUNDING:
        raise ValueError("a log-probability above 0")
    return min(number, 0.0)


def valid_probability(value: Any) -> float:
    """A probability; 1 for one that is above 1 by rounding."""
    number = valid_number(value)
    if not 0.0 <= number <= 1.0 + ROUNDING:
        raise ValueError("a probability that is none")
    return min(number, 1.0)


def valid_number(value: Any) -> float:
    """A number, infinite ones included."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{_kind(value)} in place of a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a number that is too large") from None
    if math.isnan(number):
        raise ValueError("a number that is none")
    return number


def valid_list(value: Any, length: int | None = None) -> list[Any]:
    """A list, or a tuple, of ``length`` values where that is given."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"{_kind(value)} in place of a list")
    if length is not None and len(value) != length:
        raise ValueError(f"{len(value)} values in place of {length}")
    return list(value)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
