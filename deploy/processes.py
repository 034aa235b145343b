"""The deployment of compose.yaml without containers: Postgres, code server, daemon, webserver and serve as processes.

Each is started with the command that its container has, over the same ``dagster.yaml`` and ``workspace.yaml``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from wbrag_pipeline.commands.code_location import UnansweredError, graphql

HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent
_HOST = "127.0.0.1"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Deployment:
    """A running one. ``environment`` is that of every process of it; ``folder`` has a log of each."""

    folder: Path
    environment: Mapping[str, str]
    webserver: str

    def ask(self, query: str, **variables: object) -> dict[str, object]:
        """One GraphQL request to the webserver."""
        return graphql(self.webserver, query, variables)

    def wbrag(self, *arguments: str) -> str:
        """What a command prints that runs beside it, as ``docker compose run`` or ``kubectl exec`` would."""
        command = [sys.executable, "-m", "wbrag_pipeline.cli", *arguments]
        done = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"wbrag {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    @contextmanager
    def serving(self, *benchmarks: str) -> Iterator[str]:
        """``wbrag serve``; gives its address."""
        port = free_port()
        arguments = ["-m", "wbrag_pipeline.cli", "serve", *benchmarks, "--host", _HOST, "--port", str(port)]
        with started(self.folder, "serve", [sys.executable, *arguments], self.environment):
            yield f"http://{_HOST}:{port}"


@contextmanager
def deployed(folder: Path, settings: Mapping[str, str]) -> Iterator[Deployment]:
    """The deployment over ``folder``/home, until the block ends.

    settings: WBRAG_… variables, as a compose file sets them. Raises RuntimeError, with the end of its log, where a
    process does not come up.
    """
    dagster, code_port, web_port = folder / "dagster", free_port(), free_port()
    dagster.mkdir(parents=True)
    shutil.copy(HERE / "dagster.yaml", dagster)
    workspace = str(HERE / "workspace.yaml")
    address = f"http://{_HOST}:{web_port}"
    with ExitStack() as stack:
        environment = {
            **os.environ,
            "WBRAG_HOME": str(folder / "home"),
            "WBRAG_WEBSERVER": address,
            "DAGSTER_HOME": str(dagster),
            "DAGSTER_POSTGRES_URL": stack.enter_context(postgres()),
            "WBRAG_CODE_HOST": _HOST,
            "WBRAG_CODE_PORT": str(code_port),
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        code = ["code-server", "start", "-h", _HOST, "-p", str(code_port), "-m", "wbrag_pipeline.definitions"]
        webserver, dagster_command = str(_BIN / "dagster-webserver"), str(_BIN / "dagster")
        daemon = shlex.join([str(_BIN / "dagster-daemon"), "run", "-w", workspace])
        for name, command in {
            "code-location": [dagster_command, *code, "--use-python-environment-entry-point"],
            "webserver": [webserver, "-h", _HOST, "-p", str(web_port), "-w", workspace],
            "daemon": ["sh", "-c", f"'{sys.executable}' -m resources.pools && exec {daemon}"],
        }.items():
            stack.enter_context(started(folder, name, command, environment))
        running = Deployment(folder, environment, address)
        wait_for(lambda: _is_loaded(running), "the code location to load", folder)
        yield running


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a Postgres of its own, from the package pgserver; as root, it runs under another user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, where XDG_RUNTIME_DIR is not set
        import pgserver

    folder = Path(tempfile.mkdtemp(prefix="wbrag-pg-"))
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        # The driver by name: see dagster.yaml.
        yield str(server.get_uri()).replace("postgresql://", "postgresql+psycopg2://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(folder: Path, name: str, command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    """A process that writes to ``folder``/NAME.log, and is ended with the block."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(look: Callable[[], Found | None], what: str, folder: Path, seconds: float = 900) -> Found:
    """What ``look`` gives once it gives something. Raises RuntimeError with the ends of the logs after ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(1)
    ends = [f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in sorted(folder.glob("*.log"))]
    raise RuntimeError(f"waited {seconds:.0f} s for {what}\n" + "\n".join(ends))


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.create_server((_HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def _is_loaded(running: Deployment) -> bool:
    try:
        found = running.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
    except UnansweredError:
        return False
    repositories = found["repositoriesOrError"]
    return bool(isinstance(repositories, dict) and repositories.get("nodes"))
