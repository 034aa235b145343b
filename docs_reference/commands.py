"""The page on the command ``wbrag``: every command with its arguments and flags, from Typer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from docs_reference.markdown import code, table
from wbrag_pipeline.cli import app

_INTRODUCTION = """# Commands

`wbrag COMMAND --help` prints the same text. The option `--debug` is accepted anywhere on the line and shows the full
traceback of an error. What a setting means is told in [Settings](settings.md).

A command leaves with exit code 0 when it did its work, with 2 when something that you gave is wrong or missing, and
with 1 for any other error; see [Errors](errors.md).
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(name, command) for name, command in commands())])


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that can be run, with its full name: ``("wbrag add corpus", …)``.

    Typer brings a Click of its own, so that commands and parameters have no type that could be named here.
    """
    yield from _commands_of("wbrag", typer.main.get_command(app))


def _commands_of(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, found in inner.items():
        yield from _commands_of(f"{name} {word}", found)


def _section(name: str, command: Any) -> str:
    arguments = [found for found in command.params if found.param_type_name == "argument"]
    options = [found for found in command.params if found.param_type_name == "option"]
    text, _, example = (command.help or "").partition("Example: ")
    usage = " ".join([name, *(_argument(found) for found in arguments), *(["[OPTIONS]"] if options else [])])
    parts = [f"## {name}\n", f"{text.strip()}\n", f"```text\n{usage}\n```\n"]
    if example:
        parts.append(f"Example:\n\n```bash\n{example.strip()}\n```\n")
    if arguments:
        meanings = [(code(_argument(found)), found.help or "") for found in arguments]
        parts.append(table(("argument", "meaning"), meanings))
    if options:
        parts.append(table(("option", "meaning"), [(_flag(found), _meaning(found)) for found in options]))
    return "\n".join(parts)


def _argument(found: Any) -> str:
    name = (found.name or "").upper() + ("..." if found.nargs == -1 or found.multiple else "")
    return name if found.required else f"[{name}]"


def _flag(found: Any) -> str:
    return ", ".join(code(flag) for flag in (*found.opts, *found.secondary_opts))


def _meaning(option: Any) -> str:
    value, told = option.default, option.help or ""
    if value in (None, "", False) or callable(value) or (isinstance(value, list | tuple) and not value):
        return told
    return f"{told} Default: {'on' if value is True else code(value)}."
