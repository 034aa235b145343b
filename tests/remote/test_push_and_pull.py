"""One machine pushes, others pull: what is served is the same, whole, and never goes back."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.failures.killing_writes import ENCODER, NEW, units
from tests.remote.conftest import FIRST, MakeHome, SharedHome
from wbrag_pipeline.errors import InputError, IntegrityError, OvertakenError, RemoteError
from wbrag_pipeline.releases.pointer import read_pointer
from wbrag_pipeline.releases.store import build_release, release_names, rollback
from wbrag_pipeline.remote.folder_manifest import FolderManifest
from wbrag_pipeline.remote.opening_remote import open_remote
from wbrag_pipeline.remote.pulling import pull
from wbrag_pipeline.remote.pushing import push
from wbrag_pipeline.remote.remote_objects import RemoteObjects
from wbrag_pipeline.remote.shared_place import SharedPlace


def place(home: SharedHome) -> SharedPlace:
    return SharedPlace.of_releases(home.settings, "b")


def objects(home: SharedHome) -> RemoteObjects:
    return open_remote(home.settings.remote)


def test_an_empty_home_serves_what_another_one_pushed(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    pushed = push(one.settings, "b")
    assert pushed.moved and pushed.files > 5
    pulled = pull(other.settings, "b")
    assert (pulled.release, pulled.moved) == ("r000002", True)
    assert other.found() == one.found() and len(one.found()[1]) == 6
    assert pull(other.settings, "b").files == 0 and not pull(other.settings, "b").moved


def test_what_is_there_by_content_is_not_sent_again(make_home: MakeHome) -> None:
    one = make_home("one").train()
    push(one.settings, "b")
    again = push(one.settings, "b")
    assert (again.moved, again.files) == (False, 0)
    one.release(a=0.0)
    rolled = push(one.settings, "b")  # r000001, which was never sent: of the corpus nothing goes again
    assert rolled.moved and 0 < rolled.files <= 6


def test_promotions_rollbacks_and_refreshes_follow(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    pull(other.settings, "b")
    one.release(a=0.0, b=90.0, d=45.0)
    push(one.settings, "b")
    assert pull(other.settings, "b").release == "r000003" and other.found() == one.found()
    rollback(one.folder, actor="test", reason="back")
    push(one.settings, "b")
    assert pull(other.settings, "b").release == "r000002" and other.found() == one.found()
    one.refresh(NEW)
    push(one.settings, "b")
    assert pull(other.settings, "b").moved and other.found() == one.found()
    assert ("corpus", "180.0") in other.found()[1]
    assert read_pointer(other.folder) == read_pointer(one.folder)


def test_an_old_state_leaves_the_remote(make_home: MakeHome) -> None:
    one = make_home("one").train()
    push(one.settings, "b")
    states = SharedPlace.of_corpus(one.settings, "c")
    before = objects(one).sizes(states.objects_key)
    one.refresh(NEW)
    push(one.settings, "b")
    after = objects(one).sizes(states.objects_key)
    assert len(before) == len(after) and not before.keys() & after.keys()


def test_a_home_with_news_of_its_own_is_not_overwritten(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    pull(other.settings, "b")
    other.release(a=0.0)
    served = other.found()
    one.release(b=90.0)
    push(one.settings, "b")
    with pytest.raises(OvertakenError, match=r"has moved releases/.* itself"):
        pull(other.settings, "b")
    assert other.found() == served
    with pytest.raises(OvertakenError, match=r"to r000003 by somebody at one at .*nothing of this push is served"):
        push(other.settings, "b")
    third = make_home("third")
    pull(third.settings, "b")
    assert third.found() == one.found()


def test_of_two_who_push_at_once_one_is_told(make_home: MakeHome, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, third = make_home("one").train(), make_home("other"), make_home("third")
    push(one.settings, "b")
    pull(other.settings, "b")
    one.release(a=0.0, d=45.0)
    other.release(b=90.0, d=45.0)
    meanwhile = objects(one)
    real = type(meanwhile).write

    def write(self: Any, key: str, data: bytes, before: Any) -> None:
        monkeypatch.setattr(type(meanwhile), "write", real)
        push(one.settings, "b")  # after the other has read the pointer, and before it writes
        real(self, key, data, before)

    monkeypatch.setattr(type(meanwhile), "write", write)
    with pytest.raises(OvertakenError, match="by somebody at one"):
        push(other.settings, "b")
    pull(third.settings, "b")
    assert third.found() == one.found()
    push(one.settings, "b")  # and who won goes on


def test_the_first_push_can_be_overtaken_too(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other").train()
    push(one.settings, "b")
    with pytest.raises(OvertakenError):
        push(other.settings, "b")
    push(other.settings, "b", force=True)
    pull(one.settings, "b")
    assert one.found() == other.found() and read_pointer(one.folder) == read_pointer(other.folder)


def test_a_release_that_a_home_made_is_never_replaced(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    pull(other.settings, "b")
    own = build_release(units(a=0.0), ENCODER, other.folder, {})
    one.release(a=0.0, b=90.0, d=45.0)
    push(one.settings, "b")
    assert own.name == "r000003"
    with pytest.raises(InputError, match="made a r000003 of its own"):
        pull(other.settings, "b")
    own.verify()
    assert other.found()[0] == "r000002"


@pytest.mark.parametrize("damage", ["cut short", "other bytes", "gone"])
def test_a_damaged_release_is_never_served(make_home: MakeHome, damage: str) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    pull(other.settings, "b")
    before = other.found()
    one.release(a=0.0, d=45.0)
    known = objects(one).sizes(place(one).objects_key)
    push(one.settings, "b")
    store = objects(one)
    new = [name for name in store.sizes(place(one).objects_key) if name not in known]
    for name in new:
        key, whole = f"{place(one).objects_key}/{name}", store.read(f"{place(one).objects_key}/{name}")
        assert whole is not None
        store.delete([key])
        if damage != "gone":
            store.send(key, whole.data[:-1] + (b"" if damage == "cut short" else bytes([whole.data[-1] ^ 1])))
        with pytest.raises((IntegrityError, RemoteError), match=name):
            pull(other.settings, "b")
        assert other.found() == before and release_names(other.folder) == ["r000002"]
        store.send(key, whole.data)
        shutil.rmtree(other.folder / ".r000003.tmp", ignore_errors=True)  # what is whole of it would be taken again
    assert pull(other.settings, "b").moved and other.found() == one.found()


def test_a_half_sent_object_is_sent_again(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    store = objects(one)
    for name in store.sizes(place(one).objects_key):
        store.send(f"{place(one).objects_key}/{name}", b"")
    push(one.settings, "b")
    pull(other.settings, "b")
    assert other.found() == one.found()


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/outside", "a/../../outside", "..", ".hidden", "a//b", "a\\..\\b", "", "a/.b"]
)
def test_no_path_leads_out_of_a_folder(path: str) -> None:
    data = json.dumps({"format": 1, "files": {path: {"sha256": "0" * 64, "size": 0}}}).encode()
    with pytest.raises(IntegrityError, match="no manifest"):
        FolderManifest.parse(data, hashlib.sha256(data).hexdigest(), "there")


@pytest.mark.parametrize(
    "change",
    [
        {"serves": "../r000002"},
        {"serves": "r000009"},
        {"folders": {"../../x": "0" * 64}},
        {"text": "r000001\n"},
        {"text": "r000002\nno move\n"},
        {"gone": ["../x"]},
        {"format": 2},
        {"corpus": 3},
        {"more": 1},
    ],
    ids=str,
)
def test_a_pointer_that_is_none_is_refused(tmp_path: Path, mounted: str, change: dict[str, Any]) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    found = objects(one).read(place(one).pointer_key)
    assert found is not None
    objects(one).write(place(one).pointer_key, json.dumps({**json.loads(found.data), **change}).encode(), found)
    with pytest.raises(IntegrityError, match=r"pointer\.json"):
        pull(other.settings, "b")
    assert not other.folder.exists()
    push(one.settings, "b", force=True)
    pull(other.settings, "b")
    assert other.found() == one.found()


def test_a_corpus_that_came_back_to_what_it_was_is_followed(make_home: MakeHome) -> None:
    one, other = make_home("one").train(), make_home("other")
    push(one.settings, "b")
    pull(other.settings, "b")
    for angles in (NEW, FIRST):
        one.refresh(angles)
        push(one.settings, "b")
        pull(other.settings, "b")
        assert other.found() == one.found()


def test_a_home_behind_the_corpus_does_not_put_an_older_one_there(make_home: MakeHome) -> None:
    one, other, third = make_home("one").train(), make_home("other"), make_home("third")
    one.release(a=0.0)
    push(one.settings, "b")
    pull(other.settings, "b", every_release=True)
    one.refresh(NEW)
    push(one.settings, "b")
    states = SharedPlace.of_corpus(one.settings, "c")
    newest = objects(one).read(states.pointer_key)
    other.release(a=0.0, d=45.0)
    push(other.settings, "b")
    assert objects(one).read(states.pointer_key) == newest
    pull(third.settings, "b")
    assert ("corpus", "180.0") in third.found()[1] and third.found()[0] == other.found()[0]
