"""Ctrl-C in the middle of a stage: one line, exit code 130, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.settings import Settings

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
    assert lines[-1] == "stopped; what is stored is whole, and the same command goes on from there"
    assert not [line for line in lines if "Traceback" in line or "Error" in line]
