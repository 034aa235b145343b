"""A method's parameters in the setting's value: ``theta=0.6,rounds=2`` to dataclass fields and back.

The options of a method are the fields of its dataclass that have a default; the default says the type, which is one of
bool, int, float and str.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from wbrag_pipeline.errors import InputError

_WORDS = {"yes": True, "no": False}
_WANTED = {bool: "yes or no", int: "a whole number", float: "a number", str: "text"}


def read(method: Any, name: str, given: str) -> dict[str, Any]:
    """Arguments for the dataclass ``method`` from ``field=value,field=value``; ranges are the dataclass' own affair.

    Raises InputError for an unknown field, one given twice, and a value that is no number (or no yes or no).
    """
    known = {field.name: field for field in option_fields(method)}
    found: dict[str, Any] = {}
    for part in given.split(",") if given else []:
        field_name, equals, text = (piece.strip() for piece in part.partition("="))
        if field_name not in known or not equals:
            there = f"it has {', '.join(known)}" if known else "it has none"
            raise InputError(f"{name} has no option {part.strip()!r}", field="method", hint=there)
        if field_name in found:
            raise InputError("is given twice", field=field_name)
        found[field_name] = _value(known[field_name], text)
    return found


def spell(name: str, method: Any) -> str:
    """``name`` with the options that differ from their defaults, in the order of the fields."""
    changed = [
        f"{field.name}={_text(value)}"
        for field in option_fields(method)
        if (value := getattr(method, field.name)) != field.default
    ]
    return f"{name}:{','.join(changed)}" if changed else name


def require_share(field: str, value: float) -> None:
    """Raise InputError unless ``value`` lies in [0, 1]."""
    if not 0.0 <= value <= 1.0:  # NaN fails this too
        raise InputError(f"must lie in [0, 1], not {value}", field=field)


def option_fields(method: Any) -> list[Field[Any]]:
    """The fields of a method, or of its class, that are options."""
    return [field for field in fields(method) if field.default is not MISSING]


def _value(field: Field[Any], text: str) -> Any:
    kind: Any = type(field.default)
    if kind not in _WANTED:
        raise InputError(f"is of type {kind.__name__}: an option is yes or no, a number or text", field=field.name)
    try:
        return _WORDS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise InputError(f"must be {_WANTED[kind]}, not {text!r}", field=field.name) from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    # 1e16 and not 1e+16: a plus sign stands between a query transform and its method.
    return repr(value).replace("e+", "e") if isinstance(value, float) else str(value)
