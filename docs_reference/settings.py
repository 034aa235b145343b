"""The page on settings: every field of ``wbrag_pipeline.settings.Settings`` with its flag and environment variable."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from docs_reference.commands import commands
from docs_reference.markdown import code, table
from wbrag_pipeline import settings as model

_INTRODUCTION = """# Settings

A setting is taken from the command's flag, else from the environment variable, else it has the default. Dagster runs
show the same settings under the resource `deployment`, where each run may change them.

"""

_OTHER_VARIABLES = """
## Other environment variables

| variable | meaning |
| --- | --- |
| `WBRAG_API_KEY`, `OPENAI_API_KEY` | Key of an OpenAI-compatible server; it is never stored. |
| `DAGSTER_HOME` | Folder of Dagster's own records; `dagster/` in the home if it is not set. |
| `HF_TOKEN` | Token for gated models and data sets on the Hugging Face hub. |
| `HF_HUB_OFFLINE` | `1` keeps the libraries from reaching for the hub. |
| `RAY_ADDRESS` | The Ray cluster of `ray:MODEL`, unless the engine arguments name one. |
"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One setting as the page shows it."""

    name: str
    default: str
    given: str
    meaning: str


def page() -> str:
    """The page as Markdown."""
    shown = [(code(row.name), row.default, row.given, row.meaning) for row in rows()]
    return _INTRODUCTION + table(("setting", "default", "flag and variable", "meaning"), shown) + _OTHER_VARIABLES


def rows() -> Iterator[Row]:
    """Every setting, from the settings model, or from a dataclass and its nested groups."""
    listed = getattr(model, "all_settings", None)
    yield from map(_row, listed()) if listed else _rows_of(model.Settings())


def _row(setting: Any) -> Row:
    flag = ", ".join(code(name) for name in (*setting.flag.split("/"), setting.short) if name)
    given = f"{flag or 'no flag: ' + setting.no_flag}; {code(setting.variable)}"
    changes = f" Changes {code(setting.changes)} and what is made from it." if setting.changes else ""
    return Row(setting.name, _default(setting.default), given, f"{setting.description.rstrip('.')}.{changes}")


def _rows_of(group: Any) -> Iterator[Row]:
    flags = _flags()
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if dataclasses.is_dataclass(value):
            yield from _rows_of(value)
        else:
            yield Row(field.name, _default(value), ", ".join(map(code, flags.get(field.name, ()))), "")


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return code("" if value is None else value)


def _flags() -> dict[str, list[str]]:
    """For each name of a parameter, the flags that set it in any command."""
    found: dict[str, list[str]] = {}
    for _, command in commands():
        for parameter in command.params:
            known = found.setdefault(parameter.name or "", [])
            known += [flag for flag in (*parameter.opts, *parameter.secondary_opts) if flag not in known]
    return found
