"""A remote of each kind, a bucket on a real S3 server among them, and homes that share it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.failures.killing_writes import ENCODER, prepare, units, write_source
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.releases.store import build_release, promote
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.settings import Settings

KINDS = ("folder", "s3")
FIRST = {"a": 0.0, "b": 90.0, "d": 45.0, "e": 135.0}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of moto's S3, over HTTP."""
    server = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer(
        port=0, verbose=False
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket; the environment has what it takes to use it."""
    pytest.importorskip("obstore", reason="obstore is not installed")
    given = {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    name = f"wbrag-{uuid.uuid4().hex[:12]}"
    httpx.put(f"{s3_server}/{name}").raise_for_status()
    return f"s3://{name}/shared"


@pytest.fixture
def mounted(tmp_path: Path) -> str:
    """A folder that stands for a mounted one."""
    (tmp_path / "mounted folder").mkdir()
    return f"file://{tmp_path}/mounted folder"


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest) -> str:
    """A remote of each kind; nothing is there yet."""
    return str(request.getfixturevalue({"folder": "mounted", "s3": "bucket"}[request.param]))


class SharedHome:
    """A home with the benchmark b over the corpus c, encoded by angles; an empty one before ``train``."""

    def __init__(self, home: Path, remote: str) -> None:
        self.settings = Settings(home=home, remote=remote)
        self.folder = self.settings.releases("b")

    def train(self) -> SharedHome:
        """Passages a (0°), b (90°), d and e; r000002, with a unit of a and b, is served. Nothing is pushed."""
        prepare(self.settings.with_(remote=""))
        self.refresh(FIRST)
        return self

    def release(self, **sources: float) -> str:
        """Build and promote a release with a unit a source, as ``units``; gives its name."""
        release = build_release(units(**sources), ENCODER, self.folder, {"run": "test"})
        promote(self.folder, release.name, actor=f"somebody at {self.settings.home.name}", reason="test")
        return release.name

    def refresh(self, angles: dict[str, float], *, push: bool = False) -> None:
        """The corpus' file says this now."""
        write_source(self.settings, angles)
        settings = self.settings if push else self.settings.with_(remote="")
        refresh_corpus(settings, Registry.load(settings.home), "c", ENCODER, run="refresh", allow_deletions=True)

    def found(self) -> tuple[str, list[tuple[str, str]]]:
        """What somebody who searches is served, without a look at the remote: release, (origin, text)."""
        found = LiveRetriever(self.settings.with_(remote=""), "b", ENCODER).search(["1"], 9, labels=())
        return found.release, sorted(found.hits.select("origin", "text").rows())


MakeHome = Callable[[str], SharedHome]


@pytest.fixture
def make_home(tmp_path: Path, remote: str) -> MakeHome:
    """``make_home("a")``: a home of that name over the remote."""
    return lambda name: SharedHome(tmp_path / name, remote)
