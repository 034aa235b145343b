"""Killed before any of its writes, the work leaves the old state or the new one, and doing it again completes it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_before_every_write(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.failures.killing_writes", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    undisturbed, *killed = [json.loads(line) for line in done.stdout.splitlines()]
    assert undisturbed["boundaries"] == len(killed) > 40
    final = undisturbed["final"]
    assert final["served"] == "r000002" and final["indexed"] == final["passages"] == 3
    served = set()
    for death in killed:
        assert death["status"] == signal.SIGKILL, death
        assert isinstance(death["seen"], list), death["seen"]["error"]
        left, completed = death["seen"]
        served.add(left["served"])
        assert left["moves"] == final["moves"][len(final["moves"]) - len(left["moves"]) :], death
        # Every move is told in the lineage in the end, also one whose process died before it could tell.
        assert completed == {**final, "moves": completed["moves"], "decided": completed["moves"][::-1]}, death
    assert served == {"r000001", "r000002"}
