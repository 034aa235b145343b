"""Two terminals, two benchmarks, one fresh home: Dagster's first use makes databases, which two may not do at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wbrag_pipeline.commands import doctor
from wbrag_pipeline.commands.pipeline import dagster_instance
from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.settings import Settings

MAKE = """
import sys
from wbrag_pipeline.commands.pipeline import dagster_instance
from wbrag_pipeline.settings import Settings
import dagster  # the import takes seconds, which would keep the processes apart
print("ready", flush=True)
sys.stdin.readline()
with dagster_instance(Settings.from_environment()) as instance:
    print(len(instance.get_runs()), flush=True)
"""


def test_doctor_opens_dagsters_databases(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings(home=wbrag_home)
    check = doctor.CHECKS["dagster"]
    assert check(settings).endswith("made by the first run") and not (wbrag_home / "dagster").exists()
    with dagster_instance(settings):
        pass
    assert check(settings).endswith("0 runs")
    database = next((wbrag_home / "dagster").rglob("runs.db"))
    database.write_bytes(b"no database " * 400)
    with pytest.raises(WbragError, match=r"cannot be opened \(.*\); move it away"):
        check(settings)


def test_processes_that_make_the_instance_at_once_leave_one_that_works(tmp_path: Path) -> None:
    environment = {**os.environ, "WBRAG_HOME": str(tmp_path / "home")}
    environment.pop("DAGSTER_HOME", None)

    def start() -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-c", MAKE], env=environment, text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    started = [start() for _ in range(4)]
    for process in started:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        told, problem = process.communicate()
        assert (process.returncode, told) == (0, "0\n"), problem
