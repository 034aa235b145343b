"""What moves a pointer sends it to the remote, and the commands as a person gives them."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.failures.killing_writes import ENCODER, NEW, units
from tests.pipeline.conftest import write_tiny
from tests.remote.conftest import MakeHome, SharedHome
from tests.serving.test_serve_command import serving
from tests.serving.web import Towns
from wbrag_pipeline import Settings, train
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.errors import InputError, OvertakenError, RemoteError
from wbrag_pipeline.refresh.moving_by_hand import roll_back
from wbrag_pipeline.releases.pointer import served_name
from wbrag_pipeline.releases.store import build_release, promote
from wbrag_pipeline.remote.pulling import pull
from wbrag_pipeline.remote.pushing import push
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.stores.collections import Collections
from wbrag_pipeline.serving.live import LiveRetriever

QUESTION = "In which year was the town of Corvane founded?"


def wbrag(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def towns(home: Path, remote: str) -> Settings:
    corpus, train_file, test_file = write_tiny(home.parent / f"files of {home.name}")
    add_corpus(home, "towns", corpus)
    add_benchmark(home, "towns", task="open_qa", corpus="towns", train=train_file, test=test_file)
    return Settings(home=home, remote=remote)


@pytest.mark.slow
def test_what_one_machine_trained_another_answers_with(tmp_path: Path, bucket: str) -> None:
    one, other = towns(tmp_path / "one", bucket), tmp_path / "other"
    train("towns", one)
    shutil.rmtree(tmp_path / "files of one")  # the other machine has never had them
    done = wbrag(other, "release", "pull", "towns", "--remote", bucket)
    assert done.exit_code == 0 and "towns is served r000001: " in done.output
    here, there = (wbrag(home, "ask", QUESTION, "--benchmark", "towns") for home in (one.home, other))
    assert there.exit_code == 0 and "1701" in there.output and "writeback:" in there.output
    assert there.output == here.output
    assert "as before: 0 files" in wbrag(other, "release", "pull", "towns", "--remote", bucket).output
    told = wbrag(other, "release", "push", "towns", "--remote", bucket).output
    assert "needs no move for towns r000001: 0 files sent" in told
    checked = wbrag(other, "doctor", "--remote", bucket).output
    assert "ok    remote" in checked and "2 of them are pulled" in checked


@pytest.mark.slow
def test_a_run_of_dagster_sends_what_it_promotes(tmp_path: Path, mounted: str) -> None:
    one, other = towns(tmp_path / "one", mounted), Settings(home=tmp_path / "other", remote=mounted)
    ran = wbrag(one.home, "run", "towns", "--remote", mounted)
    assert ran.exit_code == 0, ran.output
    assert pull(other, "towns").release == served_name(one.releases("towns")) == "r000001"


def test_promotions_and_rollbacks_by_hand_are_sent(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    build_release(units(d=45.0), ENCODER, one.folder, {})
    assert wbrag(one.settings.home, "release", "promote", "b", "r000003", "--remote", mounted).exit_code == 0
    assert pull(other.settings, "b").release == "r000003"
    assert wbrag(one.settings.home, "release", "rollback", "b", "--remote", mounted).exit_code == 0
    assert pull(other.settings, "b").release == "r000002" and other.found() == one.found()


def test_a_rollback_on_a_serving_machine_reaches_all(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    push(one.settings, "b")
    one.release(d=45.0)
    push(one.settings, "b")
    assert wbrag(other.settings.home, "release", "pull", "b", "--all", "--remote", mounted).exit_code == 0
    roll_back(other.settings, "b", actor="admin", reason="wrong", doing="test", tell=lambda line: None)
    assert pull(one.settings, "b").release == "r000002" and one.found() == other.found()
    one.release(e=135.0)  # and training goes on from there
    assert push(one.settings, "b").moved


def test_a_refresh_is_sent_with_the_releases_that_it_made(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    one.refresh(NEW, push=True)
    assert pull(other.settings, "b").release == served_name(one.folder) != "r000002"
    assert other.found() == one.found()


def test_a_promotion_stands_where_the_remote_is_out_of_reach(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    shutil.rmtree(mounted.removeprefix("file://"))
    told = wbrag(one.settings.home, "release", "promote", "b", "r000001", "--remote", mounted)
    assert told.exit_code == 1 and isinstance(told.exception, RemoteError)
    assert "in this home it is served; to send it: wbrag release push b" in str(told.exception)
    assert served_name(one.folder) == "r000001"
    Path(mounted.removeprefix("file://")).mkdir()
    push(one.settings, "b")
    assert pull(other.settings, "b").release == "r000001"


def test_a_lost_race_at_a_promotion_is_told_and_the_promotion_stands(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted).train()
    push(other.settings, "b")
    told = wbrag(one.settings.home, "release", "promote", "b", "r000001", "--remote", mounted)
    assert isinstance(told.exception, OvertakenError) and "in this home it is served" in str(told.exception)
    assert served_name(one.folder) == "r000001" and served_name(other.folder) == "r000002"


def test_without_a_remote_the_commands_say_what_is_missing(tmp_path: Path) -> None:
    one = SharedHome(tmp_path / "one", "").train()
    for command in ("push", "pull"):
        told = wbrag(one.settings.home, "release", command, "b")
        assert told.exit_code == 2 or "WBRAG_REMOTE" in str(told.exception)


def test_what_nobody_pushed_is_named_with_the_command_that_does(make_home: MakeHome) -> None:
    with pytest.raises(RemoteError, match=r"has no releases/.*/b .*wbrag release push"):
        pull(make_home("one").settings, "b")


def test_vectors_in_a_folder_of_this_machine_are_not_shared(tmp_path: Path, mounted: str) -> None:
    pytest.importorskip("lancedb")
    one = SharedHome(tmp_path / "one", mounted).train()
    settings = one.settings.with_(store=f"lancedb:{tmp_path}/vectors")
    release = build_release(units(e=135.0), ENCODER, one.folder, {}, Collections.of(settings))
    promote(one.folder, release.name, actor="test", reason="test")
    told = wbrag(one.settings.home, "release", "push", "b", "--remote", mounted)
    assert "in a folder of this machine" in str(told.exception)


def test_two_benchmarks_of_one_corpus_follow_each_their_own(tmp_path: Path, mounted: str) -> None:
    one, other = SharedHome(tmp_path / "one", mounted).train(), SharedHome(tmp_path / "other", mounted)
    mine = one.settings.home / "mine"
    add_benchmark(one.settings.home, "b2", task="open_qa", corpus="c", train=mine / "train.jsonl")
    folder = one.settings.releases("b2")
    promote(folder, build_release(units(d=45.0), ENCODER, folder, {}).name, actor="test", reason="test")
    push(one.settings, "b")
    push(one.settings, "b2")
    pull(other.settings, "b")
    pull(other.settings, "b2")
    one.refresh(NEW)
    push(one.settings, "b")
    pull(other.settings, "b")  # b2's release is behind the corpus now: its unit has lost its source
    found = LiveRetriever(other.settings.with_(remote=""), "b2", ENCODER).search(["1"], 9, labels=()).hits
    assert "writeback" not in found["origin"].to_list() and "180.0" in found["text"].to_list()
    assert other.found() == one.found()


def test_what_is_removed_here_and_stays_on_the_remote_is_named(tmp_path: Path, mounted: str) -> None:
    one = SharedHome(tmp_path / "one", mounted).train()
    push(one.settings, "b")
    told = wbrag(one.settings.home, "remove", "benchmark", "b", "--yes")
    place = one.folder.relative_to(one.settings.home)
    assert told.exit_code == 0 and f"kept: {mounted}/{place}," in told.output and "indexes" not in told.output


def test_a_remote_inside_the_home_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "one"
    (home / "shared").mkdir(parents=True)
    with pytest.raises(InputError, match="a folder of the home itself"):
        pull(Settings(home=home, remote=f"file://{home}/shared"), "b")


def test_vectors_of_lancedb_in_the_home_travel(tmp_path: Path, mounted: str) -> None:
    pytest.importorskip("lancedb")
    one, other = SharedHome(tmp_path / "one", mounted), SharedHome(tmp_path / "other", mounted)
    for home in (one, other):
        home.settings = home.settings.with_(store="lancedb")
        home.folder = home.settings.releases("b")
    one.train()
    push(one.settings, "b")
    pull(other.settings, "b")
    assert other.found() == one.found() and list(other.settings.home.glob("indexes/c/*/*/*.lance"))


@pytest.mark.slow
def test_a_server_with_an_empty_home_serves_what_the_remote_has(tmp_path: Path, bucket: str) -> None:
    trained = Towns(tmp_path / "one", load_encoder())
    trained.promote(trained.release("u1", "Velcro was the idea of a Swiss engineer."))
    push(trained.settings.with_(remote=bucket), "b")
    with serving("b", "--home", str(tmp_path / "other"), "--remote", bucket) as (_, address, said):
        assert "serving b, release r000001" in said[-1]
        assert httpx.get(f"{address}/readyz").json()["remotes"]["b"]["failing"] is False
        found = httpx.post(f"{address}/retrieve", json={"queries": ["Who had the idea of velcro?"]}).json()
        assert found["release"] == "r000001" and "Swiss engineer" in str(found["result"])
