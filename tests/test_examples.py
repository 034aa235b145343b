"""The examples run as they are; those that are projects of their own have their tests in tests/plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = {"train_on_own_files.py", "serve_a_release.py"}


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, env=None)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_training_on_own_files_and_serving_what_was_trained(tmp_path: Path) -> None:
    said = run("examples/train_on_own_files.py", str(tmp_path))
    assert "r000001: " in said and "knowledge units" in said
    assert "Who built the Arven hut? Mina Holt" in said
    served = run("examples/serve_a_release.py", str(tmp_path / "home"), "support", "Who built the Corrie hut?")
    assert "release r000001" in served and "writeback: Corrie hut" in served
    assert "Who built the Corrie hut? Elin Moss (r000001)" in served


def test_every_script_is_run_here_and_listed() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == SCRIPTS
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(name in readme for name in SCRIPTS)
