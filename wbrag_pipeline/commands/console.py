"""What the command prints: all of it goes through here, so that no text from outside can steer the terminal.

Commands print with ``say``, tables with ``wide_console``; ``tests/test_conventions.py`` looks for other ways out.
Errors that end the command, warnings and log lines take the same way, see ``speak_plainly``.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str = "", *, err: bool = False) -> None:
    """Print ``text`` and a new line; what does not print in it is written out. err: on standard error."""
    typer.echo(printable(text), err=err)


def note(text: str) -> None:
    """Print on standard error what is no part of a command's result: what it waits for, say."""
    say(text, err=True)


def say_report(page: Path) -> None:
    """Print where a report is, as short as it can be told from here."""
    say(f"report: {page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page}")


def say_error(text: str) -> None:
    """Print the one message that a command ends with; its further lines are indented, so that none looks like ours."""
    say("error: " + "\n  ".join(text.splitlines()), err=True)


def end_with(errors: Sequence[WbragError]) -> None:
    """Raise the last of the errors that did not end a command at once, after the others were told; nothing for none."""
    for error in errors[:-1]:
        say_error(str(error))
    if errors:
        raise errors[-1]


def wide_console() -> Console:
    """A console that cuts no table where nobody reads at a terminal's width, and shows every text as it is.

    Square brackets and colons mean nothing in it, and what does not print is written out.
    """
    from rich.console import Console

    class Plain(Console):
        def render_str(self, text: str, **options: Any) -> Any:
            # Every string that is printed or stands in a table comes by here.
            return super().render_str(printable(text), **options)

    settings: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    console = Plain(**settings)
    return console if console.is_terminal else Plain(**settings, width=200)


def speak_plainly() -> None:
    """Let log lines, warnings and tracebacks of this process be printed as ``say`` prints."""
    logging.setLogRecordFactory(_PrintableRecord)
    warnings.formatwarning = _formatted_warning
    sys.excepthook = _show_exception


class _PrintableRecord(logging.LogRecord):
    def getMessage(self) -> str:
        return printable(super().getMessage())


_plain_warning = warnings.formatwarning


def _formatted_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return printable(_plain_warning(message, category, filename, lineno, line))


def _show_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    say("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"), err=True)
