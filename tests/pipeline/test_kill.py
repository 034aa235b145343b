"""A run killed in each stage and started again ends where an undisturbed run ends, and asks nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.benchmarks.adding import add_benchmark, add_corpus

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_anywhere_and_started_again(tmp_path: Path) -> None:
    corpus, train, test = write_tiny(tmp_path / "data")
    add_corpus(tmp_path / "template", "towns", corpus)
    add_benchmark(tmp_path / "template", "towns", task="open_qa", corpus="towns", train=train, test=test)
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.killing", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    undisturbed, killed = [json.loads(line) for line in done.stdout.splitlines()]
    assert undisturbed["status"] == 0
    assert len(undisturbed["pairs"]) == len(set(undisturbed["pairs"])) > 60
    assert killed["killed"] == [signal.SIGKILL] * 15
    assert killed["status"] == 0
    assert killed["units"] == undisturbed["units"]
    assert killed["pairs"] == undisturbed["pairs"]
