"""The page on errors: the tree of exceptions, from ``wbrag_pipeline.errors``."""

from __future__ import annotations

from collections.abc import Iterator

from docs_reference.markdown import docstring
from wbrag_pipeline.errors import WbragError

_INTRODUCTION = """# Errors

Every error that the project raises on purpose is a `WbragError`. Its text says what is wrong, where, and what to do.
The command prints it as one line, `error: …`, and leaves with the exit code; `--debug` shows the traceback. In Python,
catch `WbragError` or one of its subclasses from `wbrag_pipeline.errors`.

"""


def page() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "\n".join(_section(error) for error in errors())


def errors() -> Iterator[type[WbragError]]:
    """The classes of the tree, the base first."""
    waiting: list[type[WbragError]] = [WbragError]
    for error in waiting:
        yield error
        waiting += [found for found in error.__subclasses__() if found.__module__ == WbragError.__module__]


def _section(error: type[WbragError]) -> str:
    return f"## {error.__name__}\n\nExit code {error.exit_code}.\n\n{docstring(error)}"
