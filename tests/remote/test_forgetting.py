"""What is forgotten in a home leaves the remote too, or the certificate says what could not be reached."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.remote.conftest import MakeHome, SharedHome
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.forgetting.forget import forget, resume
from wbrag_pipeline.remote.opening_remote import open_remote
from wbrag_pipeline.remote.pulling import pull
from wbrag_pipeline.remote.pushing import push


@pytest.fixture(autouse=True)
def _nothing_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built-in questions, which forgetting would read each time."""
    monkeypatch.setattr(registry, "BUILT_IN", tmp_path / "nothing")


def holding(home: SharedHome, tmp_path: Path) -> list[str]:
    """Objects of the remote that say what the passage b or its unit says."""
    objects, found = open_remote(home.settings.remote), []
    for place in ("releases", "indexes"):
        for key in objects.sizes(place):
            one = objects.read(f"{place}/{key}")
            assert one is not None
            data = one.data
            if data.startswith(b"PAR1"):
                (tmp_path / "object.parquet").write_bytes(data)
                data += repr(pl.read_parquet(tmp_path / "object.parquet").to_dicts()).encode()
            found += [key] if any(word in data for word in (b"T b", b"90.0", b"u-b")) else []
    return found


def test_forgotten_units_and_passages_leave_the_remote_and_who_serves(make_home: MakeHome, tmp_path: Path) -> None:
    one, other = make_home("one").train(), make_home("other")
    one.release(a=0.0)
    push(one.settings, "b")
    one.release(b=90.0)
    push(one.settings, "b")
    pull(other.settings, "b", every_release=True)
    assert holding(one, tmp_path)
    certificate = forget(one.settings, "passage", ["b"])
    assert holding(one, tmp_path) == [] and not certificate.not_withdrawn
    places = [place for place in certificate.places if place.startswith(f"published/{one.settings.remote}")]
    assert len(places) == 2  # releases and indexes
    bucket = one.settings.remote.startswith("s3:")
    assert bucket == any("versions" in line for line in certificate.lines())
    pull(other.settings, "b")
    assert other.found() == one.found() and ("corpus", "90.0") not in other.found()[1]
    texts = [file for file in other.settings.home.rglob("*.parquet") if "u-b" in repr(pl.read_parquet(file).to_dicts())]
    assert texts == []
    assert not list(other.settings.home.glob("indexes/c/*/*/passages.parquet"))[1:]  # nor the state before


def test_a_remote_out_of_reach_is_in_the_certificate_and_tried_again(tmp_path: Path, mounted: str) -> None:
    one = SharedHome(tmp_path / "one", mounted).train()
    push(one.settings, "b")
    folder, away = Path(mounted.removeprefix("file://")), tmp_path / "unmounted"
    shutil.move(folder, away)
    certificate = forget(one.settings, "passage", ["b"])
    problems = [target["problem"] for target in certificate.not_withdrawn]
    assert len(problems) == 2 and all("mount it" in problem for problem in problems)
    assert any(line.startswith("NOT withdrawn") for line in certificate.lines())
    assert resume(one.settings).not_withdrawn
    shutil.move(away, folder)
    assert holding(one, tmp_path)
    assert not resume(one.settings).not_withdrawn
    assert holding(one, tmp_path) == []


def test_what_another_machine_has_moved_is_not_overwritten_in_silence(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    pull(other.settings, "b")
    other.release(a=0.0, d=45.0)
    push(other.settings, "b")
    (told,) = forget(one.settings, "passage", ["b"]).not_withdrawn
    assert "another machine has moved it since" in told["problem"] and "/releases/" in told["target"]
    pull(one.settings, "b", force=True)
    assert resume(one.settings).not_withdrawn == ()
    assert holding(one, tmp_path) == []


def test_a_remote_that_is_not_there_any_more_is_no_proof(tmp_path: Path, mounted: str) -> None:
    one = SharedHome(tmp_path / "one", mounted).train()
    push(one.settings, "b")
    folder = Path(mounted.removeprefix("file://"))
    shutil.rmtree(folder)
    folder.mkdir()
    told = forget(one.settings, "passage", ["b"]).not_withdrawn
    assert len(told) == 2 and all("remote.json" in one["problem"] for one in told)


def test_a_pull_killed_after_the_exchange_leaves_no_copy_of_what_was_forgotten(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    pull(other.settings, "b")
    old = other.folder / "r000002"
    shutil.copytree(old, tmp_path / "old")
    forget(one.settings, "passage", ["b"])
    pull(other.settings, "b")
    shutil.copytree(tmp_path / "old", other.folder / ".r000002.tmp")  # as it stands between exchange and removal
    pull(other.settings, "b")
    assert not list(other.folder.glob(".*.tmp"))
