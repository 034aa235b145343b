"""The page on settings: every field of ``wbrag_pipeline.settings.Settings`` with its flag and environment variable."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from docs_reference.commands import commands
from docs_reference.markdown import code, table
from wbrag_pipeline.settings import Settings

_INTRODUCTION = """# Settings

A setting is taken from the command's flag, else from the environment variable, else it has the default. Dagster runs
show the same settings under the resource `deployment`, where each run may change them.

"""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field: its name, its default as text, and what it means."""

    name: str
    default: str
    meaning: str


def page() -> str:
    """The page as Markdown."""
    flags = _flags()
    rows = [(code(s.name), s.default, ", ".join(flags.get(s.name, ())), s.meaning) for s in settings()]
    return _INTRODUCTION + table(("setting", "default", "flag", "meaning"), rows)


def settings(owner: Any = Settings) -> Iterator[Setting]:
    """The fields of ``owner``, those of nested groups among them."""
    for field in dataclasses.fields(owner):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if dataclasses.is_dataclass(default):
            yield from settings(default)
        else:
            yield Setting(field.name, code(default), "")


def _flags() -> dict[str, list[str]]:
    """For each name of a parameter, the flags that set it in any command."""
    found: dict[str, list[str]] = {}
    for _, command in commands():
        for parameter in command.params:
            for flag in (*parameter.opts, *parameter.secondary_opts):
                known = found.setdefault(parameter.name or "", [])
                if flag.startswith("--") and code(flag) not in known:
                    known.append(code(flag))
    return found
