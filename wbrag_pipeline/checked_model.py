"""The form of the settings: fields that say what they change, in models whose errors name the field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wbrag_pipeline.errors import InputError


def setting_field(
    default: Any,
    description: str,
    *,
    changes: str = "",
    short: str = "",
    no_flag: str = "",
    **limits: Any,
) -> Any:
    """A field of ``Settings``; ``settings.Setting`` says what each argument means. ``limits`` are pydantic's."""
    extra: dict[str, Any] = {"changes": changes, "short": short, "no_flag": no_flag}
    return Field(default, description=description, json_schema_extra=extra, **limits)


def json_object(text: str, field: str, example: str) -> dict[str, Any]:
    """A setting's text as the JSON object that it is; {} for "". Raises InputError, which does not repeat it."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError("is not a JSON object", field=field, hint=f"for example {example}")
    return value


class CheckedModel(BaseModel):
    """A frozen model whose errors are ``InputError``, named by field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            if first["type"] == "extra_forbidden":
                known = ", ".join(type(self).model_fields)
                raise InputError("is no setting", field=name, hint=f"one of {known}") from None
            problem = first["msg"][:1].lower() + first["msg"][1:]
            raise InputError(f"{problem}, not {first['input']!r}", field=name) from None


@dataclass(frozen=True)
class Setting:
    """One field of ``settings.Settings``, with the names that are derived of it.

    changes: the first table whose content it changes, "" for none.
    short: the flag's short form, or "".
    no_flag: why it has no flag, "" where it has one.
    """

    name: str
    annotation: Any
    default: Any
    description: str
    changes: str
    short: str
    no_flag: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"WBRAG_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The flag; a switch is given as ``--curate`` or ``--no-curate``."""
        name = self.name.replace("_", "-")
        return f"--{name}/--no-{name}" if self.annotation is bool else f"--{name}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The only values there are, or ()."""
        return get_args(self.annotation) if get_origin(self.annotation) is Literal else ()

    @property
    def kind(self) -> type:
        """bool, int, float, str or Path: what one value is, whether or not it may be left out."""
        if self.choices:
            return str
        kinds = [kind for kind in get_args(self.annotation) if kind is not type(None)]
        return kinds[0] if kinds else self.annotation  # type: ignore[no-any-return]
