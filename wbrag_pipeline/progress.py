"""A progress bar where a person is watching, silence where nobody is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

# Work that is done sooner needs no bar.
_DELAY_SECONDS = 2.0
_terminal: TextIO | None = None


@contextmanager
def bars_on_this_terminal() -> Iterator[None]:
    """Show the bars of this block on what standard error is now, if that is a terminal.

    Dagster sends the standard error of a step to a file and copies it from there, so a step sees no terminal.
    """
    global _terminal  # noqa: PLW0603
    if not sys.stderr.isatty():
        yield
        return
    with open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal:
        before, _terminal = _terminal, terminal
        try:
            yield
        finally:
            _terminal = before


@contextmanager
def progress_bar(label: str, total: int, unit: str = "it") -> Iterator[Callable[[int], object]]:
    """Yield ``advance(count)``. A bar with the time left appears on stderr after two seconds, if it is a terminal."""
    from tqdm import tqdm

    file = _terminal or sys.stderr
    with tqdm(
        total=total,
        desc=label,
        unit=unit,
        delay=_DELAY_SECONDS,
        file=file,
        disable=not file.isatty(),
        leave=False,
        dynamic_ncols=True,
    ) as bar:
        yield bar.update
