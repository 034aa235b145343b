"""The form of the settings: fields that say what they change, in models whose errors name the field."""

from __future__ import annotations

from typing import Any

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
