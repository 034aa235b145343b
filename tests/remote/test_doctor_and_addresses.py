"""Addresses that hold no key, stores that keep what sharing stands on, and file systems that a home can lie on."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.remote.conftest import SharedHome
from wbrag_pipeline import file_system
from wbrag_pipeline.errors import InputError, OvertakenError, RemoteError, WbragError
from wbrag_pipeline.file_system import check_file_system
from wbrag_pipeline.remote.folder_objects import FolderObjects
from wbrag_pipeline.remote.opening_remote import open_remote
from wbrag_pipeline.remote.probing import check_remote
from wbrag_pipeline.remote.pulling import pull
from wbrag_pipeline.remote.pushing import push
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.store_address import checked_remote


@pytest.mark.parametrize("text", ["", "s3://b", "s3://b.c-d/p/q", "gs://b/p", "az://account/c/p", "file:///mnt/a b"])
def test_addresses_that_are_taken(text: str) -> None:
    assert checked_remote(text) == text
    assert checked_remote(f"{text}/" if text else "") == text


def test_what_is_no_address_is_told_what_one_looks_like() -> None:
    with pytest.raises(InputError, match=r"s3://BUCKET/PATH.*file:///FOLDER"):
        checked_remote("folder")


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"s3://key:{SECRET}@bucket/p",
        f"s3://{SECRET}@bucket",
        f"s3://bucket/p?aws_secret_access_key={SECRET}",
        f"az://account/c?sv=1&sig={SECRET}",
        f"gs://bucket/p#{SECRET}",
        f"s3://key:{SECRET}%40bucket/p",
        f"s3://key:{SECRET}/bucket",
        f"s3://bucket/key:{SECRET}@elsewhere",
        f"s3:{SECRET}",
        f"https://{SECRET}.example/bucket",
        f"S3 //{SECRET}",
        f"file://{SECRET}/folder",
        f"file:///a/../{SECRET}",
        f"s3://bucket/../{SECRET}",
        f"s3:///{SECRET}",
    ],
)
def test_an_address_with_a_key_is_refused_and_not_repeated(text: str) -> None:
    for refuse in (lambda: checked_remote(text), lambda: Settings(remote=text)):
        with pytest.raises(InputError) as told:
            refuse()
        assert SECRET not in str(told.value)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_what_is_taken_for_an_address_has_nothing_beside_bucket_and_folders(text: str) -> None:
    for scheme in ("s3://", "gs://", "az://", "file:///"):
        try:
            taken = checked_remote(scheme + text)
        except InputError:
            continue
        assert taken.startswith(scheme) and ".." not in taken.split("/")
        assert scheme == "file:///" or not set(taken.removeprefix(scheme)) & set("@?#:%")


def test_a_store_that_keeps_its_word_is_found_right(remote: str) -> None:
    assert "refuses writes that come too late" in check_remote(open_remote(remote))
    assert open_remote(remote).sizes("doctor") == {}


@pytest.mark.parametrize(("blind", "named"), [("first", "If-None-Match"), ("later", "If-Match")])
def test_a_store_that_takes_every_write_is_told_of(
    mounted: str, monkeypatch: pytest.MonkeyPatch, blind: str, named: str
) -> None:
    real = FolderObjects.write

    def write(self: FolderObjects, key: str, data: bytes, before: Any) -> None:
        overlooked = (before is None) == (blind == "first")
        real(self, key, data, self.read(key) if overlooked else before)

    monkeypatch.setattr(FolderObjects, "write", write)
    with pytest.raises(RemoteError, match=named):
        check_remote(open_remote(mounted))


def test_a_write_over_something_else_changes_nothing(remote: str) -> None:
    objects = open_remote(remote)
    objects.write("k", b"one", None)
    first = objects.read("k")
    assert first is not None and objects.read("k", first) is first
    objects.write("k", b"two", first)
    for before in (None, first):
        with pytest.raises(OvertakenError):
            objects.write("k", b"three", before)
    now = objects.read("k", first)
    assert now is not None and now.data == b"two"
    objects.delete(["k", "not there"])
    assert objects.read("k") is None and objects.sizes("nothing") == {}


def test_keys_of_the_environment_are_neither_stored_nor_told(bucket: str, tmp_path: Path) -> None:
    one, other = SharedHome(tmp_path / "one", bucket).train(), SharedHome(tmp_path / "other", bucket)
    push(one.settings, "b")
    pull(other.settings, "b")
    secret = os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    files = [file for home in (one, other) for file in home.settings.home.rglob("*") if file.is_file()]
    assert len(files) > 20 and not [file for file in files if secret in file.read_bytes()]
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"  # the fixture puts it back
    with pytest.raises(RemoteError) as told:
        open_remote(bucket).read("x")
    assert secret.decode() not in str(told.value) and "127.0.0.1:9" in str(told.value)


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    elsewhere = open_remote(bucket.replace("wbrag-", "nobody-"))
    with pytest.raises(RemoteError, match=r"no such bucket|NoSuchBucket"):
        elsewhere.write("k", b"x", None)


def test_a_file_system_that_keeps_everything(tmp_path: Path) -> None:
    told = check_file_system(tmp_path)
    assert all(what in told for what in ("flock", "fcntl", "rename over a file", "rename of a folder", "fsync"))
    assert list(tmp_path.iterdir()) == []


def broken_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(file_system._TRY, "flock", "pass")  # another process is not kept out


def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)


def copying_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(one: Path, other: Path) -> None:
        Path(other).write_bytes(Path(one).read_bytes())
        os.unlink(one)

    monkeypatch.setattr(os, "replace", replace)


def overwriting_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def rename(one: Path, other: Path) -> None:
        shutil.rmtree(other, ignore_errors=True)
        real(one, other)

    monkeypatch.setattr(os, "rename", rename)


def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.parametrize(
    ("lack", "named"),
    [
        (broken_locks, "locks (flock)"),
        (no_locks, "locks on parts of files (fcntl)"),
        (no_sync, "fsync"),
        (copying_rename, "rename over a file"),
        (overwriting_folders, "rename of a folder"),
    ],
)
def test_what_a_file_system_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: Any, named: str
) -> None:
    lack(monkeypatch)
    with pytest.raises(WbragError) as told:
        check_file_system(tmp_path)
    assert named in str(told.value) and "--remote" in str(told.value)
