"""The speed measurement around the engine, on an input so small that its figures mean nothing.

In a process of its own: vLLM takes the device for one model, and other tests here have theirs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_both_sides_give_the_same_texts_and_their_times_are_shown() -> None:
    command = [sys.executable, "-m", "perf.generate", "engine", "--questions", "6", "--turns", "1"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # it compares the texts itself
    assert "engine: 6 prompts of" in done.stdout
    assert re.search(r"throughput, pipeline ÷ raw engine: [\d.]+", done.stdout)
