"""A retriever and a server that follow a remote, also when it cannot be reached."""

from __future__ import annotations

import gc
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.failures.killing_writes import ENCODER
from tests.remote.conftest import MakeHome, SharedHome
from tests.serving.web import running
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import RemoteError
from wbrag_pipeline.remote.folder_objects import FolderObjects
from wbrag_pipeline.remote.pushing import push
from wbrag_pipeline.serving.access_tokens import AccessTokens
from wbrag_pipeline.serving.http.web_app import web_app
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import SearchService

NEVER = 10**6


def following(home: SharedHome, seconds: float = NEVER) -> LiveRetriever:
    return LiveRetriever(home.settings, "b", ENCODER, poll_seconds=seconds)


def found(retriever: LiveRetriever) -> tuple[str, list[Any]]:
    seen = retriever.search(["1"], 9, labels=())
    return seen.release, sorted(seen.hits.select("origin", "text").rows())


def look(retriever: LiveRetriever) -> None:
    assert retriever.follower is not None
    retriever.follower.look()


def test_an_empty_home_serves_and_follows(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    retriever = following(other)
    assert found(retriever) == one.found()
    one.release(a=0.0, d=45.0)
    push(one.settings, "b")
    assert found(retriever)[0] == "r000002"
    look(retriever)
    assert found(retriever) == one.found() and not retriever.is_behind


def test_the_thread_looks_by_itself_and_ends_with_the_retriever(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    retriever = following(other, 0.01)
    one.release(a=0.0, d=45.0)
    push(one.settings, "b")
    while retriever.release != "r000003":
        time.sleep(0.01)
    del retriever
    gc.collect()
    while any(thread.name == "remote of b" for thread in threading.enumerate()):
        time.sleep(0.01)


def test_a_look_that_finds_nothing_new_reads_two_small_objects(
    tmp_path: Path, mounted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    retriever, read, real = following(other), [], FolderObjects.read

    def counted(self: FolderObjects, key: str, known: Any = None) -> Any:
        read.append((key.rsplit("/", 1)[1], known is not None))
        return real(self, key, known)

    monkeypatch.setattr(FolderObjects, "read", counted)
    look(retriever)
    assert read == [("pointer.json", True)] * 2


def test_as_long_as_the_remote_is_out_of_reach_what_is_here_serves_on_and_that_shows(
    tmp_path: Path, mounted: str
) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    service = SearchService(["b"], lambda name: following(other))
    service.open()
    folder, away = Path(mounted.removeprefix("file://")), tmp_path / "unmounted"
    with running(web_app(service, AccessTokens(tmp_path / "tokens"))) as server, server.client() as client:
        assert client.get("/readyz").json()["remotes"]["b"]["failing"] is False
        shutil.move(folder, away)
        look(service._retrievers["b"])
        told = client.get("/readyz").json()
        assert told["status"] == "ready" and told["remotes"]["b"]["failing"] is True
        assert told["remotes"]["b"]["seconds_since_success"] >= 0 and mounted not in str(told)
        assert 'wbrag_remote_failing{benchmark="b"} 1.0' in client.get("/metrics").text
        assert client.post("/retrieve", json={"queries": ["1"]}).status_code == 200
        shutil.move(away, folder)
        look(service._retrievers["b"])
        assert client.get("/readyz").json()["remotes"]["b"]["failing"] is False
        assert 'wbrag_remote_failing{benchmark="b"} 0.0' in client.get("/metrics").text


def test_a_server_starts_without_its_remote_where_something_is_here(tmp_path: Path, mounted: str) -> None:
    one, other, third = (SharedHome(tmp_path / name, mounted) for name in ("one", "other", "third"))
    push(one.train().settings, "b")
    following(other)
    shutil.rmtree(mounted.removeprefix("file://"))
    retriever = following(other)
    assert found(retriever) == one.found()
    assert retriever.follower is not None and "mount it" in retriever.follower.problem
    with pytest.raises(RemoteError, match="mount it"):
        following(third)


def test_a_damaged_release_keeps_the_present_one_served(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    retriever, before = following(other), one.found()
    one.release(a=0.0, d=45.0)
    push(one.settings, "b")
    folder = Path(mounted.removeprefix("file://"))
    for file in sorted(folder.glob("releases/*/b/objects/*"), key=lambda file: file.stat().st_mtime_ns)[-3:]:
        file.write_bytes(b"damaged")
    look(retriever)
    assert found(retriever) == before
    assert retriever.follower is not None and retriever.follower.problem
    push(one.settings, "b")  # sizes tell it
    look(retriever)
    assert found(retriever) == one.found() and not retriever.follower.problem


def test_what_trains_elsewhere_is_in_the_registry_here(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    following(other)
    assert Registry.load(other.settings.home).benchmark("b").corpus == "c"
    assert not (other.settings.home / "mine").exists()  # the corpus' file stays where it is
