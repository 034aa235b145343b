"""Bars: on a terminal only, and on the terminal also where standard error goes to a file meanwhile."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

SHOW = """
import os, sys
from wbrag_pipeline import progress
progress._DELAY_SECONDS = 0
def bar():
    with progress.progress_bar("reading", 3) as advance:
        for _ in range(3):
            advance(1)
"""
REDIRECT = """
with progress.bars_on_this_terminal():
    os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 2)  # what Dagster does in a step
    bar()
"""


def on_a_terminal(program: str, *arguments: object) -> str:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))  # on a terminal without a size tqdm shows nothing
    command = [sys.executable, "-c", SHOW + program, *map(str, arguments)]
    subprocess.run(command, stderr=theirs, check=True, cwd=Path(__file__).parents[1])
    os.write(theirs, b"end")
    shown = b""
    while not shown.endswith(b"end"):
        shown += os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    return shown.removesuffix(b"end").decode()


def test_a_terminal_shows_the_bar_and_the_time_left() -> None:
    shown = on_a_terminal("bar()")
    assert "reading" in shown and "0/3" in shown and "<" in shown


def test_a_step_whose_standard_error_goes_to_a_file_shows_it_too(tmp_path: Path) -> None:
    assert "reading" in on_a_terminal(REDIRECT, tmp_path / "log")
    assert (tmp_path / "log").read_text() == ""


def test_nothing_is_shown_where_there_is_no_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW + REDIRECT, str(tmp_path / "log")], capture_output=True, check=True
    )
    assert done.stdout == done.stderr == b"" and (tmp_path / "log").read_text() == ""
