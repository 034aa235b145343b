"""What holds for every test: a home of its own, no network hub, the same random numbers, warnings as errors."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

# Read by libraries when they are imported, so these come before any test module is.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["DSPY_CACHEDIR"] = os.path.join(tempfile.gettempdir(), "wbrag-tests-dspy")
if "PYTEST_XDIST_WORKER" in os.environ:
    # As many processes as cores: more threads in each would only take turns.
    os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import HealthCheck, settings

from wbrag_pipeline.cpu_arithmetic import VARIABLE

# `default` tries the same examples in every run, so a red CI is red for its change; `nightly` looks for new ones.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=60, print_blob=True)
settings.register_profile(
    "nightly", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
NIGHTLY = PROFILE == "nightly"
settings.load_profile(PROFILE)

SEED = 20260325


@pytest.fixture(autouse=True, scope="module")
def _own_definitions() -> None:
    """Let no module of tests see a code location that another one loaded: it holds that one's registry."""
    for name in list(sys.modules):
        if name == "assets" or name.startswith("assets.") or name == "wbrag_pipeline.definitions":
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the test an empty WBRAG_HOME and DAGSTER_HOME, no setting of the machine's, and fixed seeds.

    WBRAG_CPU_ARITHMETIC stays: it lets all tests run in the arithmetic of another kind of machine.
    """
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("WBRAG_", "DAGSTER_")) and name not in ("DAGSTER_DISABLE_TELEMETRY", VARIABLE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WBRAG_HOME", str(home / "wbrag"))
    (home / "dagster").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    random.seed(SEED)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(SEED)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(SEED)
    yield


@pytest.fixture
def wbrag_home() -> Path:
    """The test's own WBRAG_HOME; nothing is there yet."""
    return Path(os.environ["WBRAG_HOME"])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A Postgres on a Unix socket in a folder of its own; as root, pgserver runs it under another user."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, where XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pgserver", reason="pgserver, which brings a Postgres, is not installed")
    import psycopg

    # Not below pytest's own folder, which that other user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="wbrag-pg-"))
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        yield str(server.get_uri()).replace(":@/", "@/")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
