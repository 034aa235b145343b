"""Ctrl-C at any moment: exit code 130, one line at most, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.settings import Settings

STOPPED = "stopped; what is stored is whole, and the same command goes on from there"
# The command, with a stage that stands still once it has begun.
COMMAND = """
import sys, time
from wbrag_pipeline.training import stages
def standing_still(*given):
    print("in the stage", flush=True)
    time.sleep(600)
stages.retrievals = standing_still
sys.argv = ["wbrag", "run", "towns"]
from wbrag_pipeline.cli import main
main()
"""


def test_ctrl_c_during_a_stage_is_one_line(wbrag_home: Path, tmp_path: Path) -> None:
    settings = Settings(home=wbrag_home)
    corpus, train, test = write_tiny(tmp_path / "files")
    add_corpus(settings.home, "towns", corpus)
    add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
    environment = {**os.environ, "WBRAG_HOME": str(wbrag_home)}
    with (
        (tmp_path / "told").open("w") as told,
        subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            start_new_session=True,
        ) as run,
    ):
        assert run.stdout and any("in the stage" in line for line in run.stdout)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: also to what Dagster started
        assert run.wait() == 130
    lines = (tmp_path / "told").read_text().splitlines()
    assert lines[-1] == STOPPED
    assert not [line for line in lines if "Traceback" in line or "Error" in line]


# Python imports it first of all: Ctrl-C comes at the very moment at which a module begins to be loaded.
AT_A_MODULE = """
import os, signal, sys
waiting = [os.environ["CTRL_C_AT"]]
def look(event, given):
    if event == "import" and waiting and given[0] == waiting[0]:
        waiting.clear()
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(look)
"""
# A program that is interrupted where its first argument says.
PROGRAM = """
import atexit, os, signal, sys, time
from wbrag_pipeline.ctrl_c import run_until_ctrl_c
def press():
    os.kill(os.getpid(), signal.SIGINT)
class Finalized:
    def __del__(self):
        press()
def at_once():
    press()
def again_while_it_ends():
    try:
        press()
    finally:
        press()
def in_a_finalizer():
    Finalized()
    print("went on")
def ended_in_its_own_way():
    try:
        press()
    except KeyboardInterrupt:
        sys.exit(1)
def when_it_is_done():
    atexit.register(press)
def in_its_last_thread():
    import threading
    threading.Thread(target=lambda: (time.sleep(0.2), press())).start()
run_until_ctrl_c(lambda: globals()[sys.argv[1]])
"""


def interrupted(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python that heeds Ctrl-C: a shell lets what it starts in the background ignore it, these tests among it."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("wbrag_pipeline.commands.command_line", "status"),
        ("typer", "--version"),
        ("pydantic", "--help"),
        ("wbrag_pipeline.settings", "status"),
        ("polars", "status"),
        ("torch", "doctor"),
        ("dagster", "ui"),
    ],
)
def test_ctrl_c_while_modules_are_loaded_shows_no_traceback(
    wbrag_home: Path, tmp_path: Path, module: str, command: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(AT_A_MODULE)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = interrupted("-m", "wbrag_pipeline.cli", command, PYTHONPATH=path, CTRL_C_AT=module)
    assert ended.returncode == 130
    assert ended.stderr.strip() in ("", STOPPED)


@pytest.mark.parametrize(
    "moment",
    [
        "at_once",
        "again_while_it_ends",
        "in_a_finalizer",
        "ended_in_its_own_way",
        "when_it_is_done",
        "in_its_last_thread",
    ],
)
def test_ctrl_c_at_odd_moments_is_130_and_silent(moment: str) -> None:
    ended = interrupted("-c", PROGRAM, moment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_ctrl_c_stays_ignored_where_it_was() -> None:
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    assert interrupted("-c", ignoring + PROGRAM, "again_while_it_ends").returncode == 0


# The server, whose release takes long to open.
OPENING = """
import atexit, sys, time
from wbrag_pipeline.commands.command_line import app
from wbrag_pipeline.serving.search_service import SearchService
SearchService.open = lambda self: time.sleep(600)
atexit.register(print, "Python's end, which aborts on a thread that loads a model", flush=True)
sys.argv = ["wbrag", "serve", "towns", "--port", "0"]
from wbrag_pipeline.cli import main
main()
"""


def test_a_server_that_is_interrupted_while_it_opens_does_not_abort(wbrag_home: Path, tmp_path: Path) -> None:
    corpus, train, test = write_tiny(tmp_path / "files")
    add_corpus(wbrag_home, "towns", corpus)
    add_benchmark(wbrag_home, "towns", task="open_qa", corpus="towns", train=train, test=test)
    with subprocess.Popen(
        [sys.executable, "-c", OPENING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as server:
        assert server.stdout and "opening" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        told, failed = server.communicate()
    assert (server.returncode, told, failed) == (130, "", "")


def test_next_to_nothing_is_loaded_before_ctrl_c_is_seen_to() -> None:
    """A moment in which Ctrl-C still shows a traceback: Python's own start, and what is loaded here beyond it."""
    program = "import sys; before = {*sys.modules}; import wbrag_pipeline.cli; print(*sorted({*sys.modules} - before))"
    # As a program is started: with what runpy has loaded by then.
    ended = interrupted("-c", f"import runpy; {program}")
    assert ended.stdout.split() == ["__future__", "wbrag_pipeline", "wbrag_pipeline.cli", "wbrag_pipeline.ctrl_c"]
