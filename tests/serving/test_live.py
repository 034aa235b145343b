"""The retriever that follows the pointer: rollbacks without a restart, no failed request, one release an answer."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from tests.retrieval.conftest import passages_of, units_of
from tests.serving.conftest import CORPUS, Deployment
from wbrag_pipeline import tables
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError
from wbrag_pipeline.releases.pointer import Pointer
from wbrag_pipeline.releases.store import build_release
from wbrag_pipeline.retrieval.corpus import build_corpus_index, current_state
from wbrag_pipeline.serving import live as live_module
from wbrag_pipeline.serving.live import LiveRetriever


def live(deployment: Deployment, retry_seconds: float = 60.0) -> LiveRetriever:
    return LiveRetriever(deployment.settings, "b", deployment.encoder, retry_seconds=retry_seconds)


def top(retriever: LiveRetriever, question: str = "10") -> tuple[str, str, str]:
    found = retriever.search([question])
    first = found.hits.filter(rank=1).row(0, named=True)
    return found.release, f"{first['origin']}:{first['passage_id']}", first["text"]


def test_it_serves_the_corpus_alone_until_something_is_promoted(deployment: Deployment) -> None:
    retriever = live(deployment)
    assert top(retriever) == ("", "corpus:east", "0.0")
    name = deployment.release(u1=10.0)
    assert top(retriever) == ("", "corpus:east", "0.0")
    deployment.promote(name)
    assert top(retriever) == ("r000001", "writeback:u1", "10.0")


def test_promotion_and_rollback_take_effect_at_the_next_request(deployment: Deployment) -> None:
    first, second = deployment.release(u1=10.0), deployment.release(u2=11.0)
    deployment.promote(first)
    retriever = live(deployment)
    assert top(retriever)[1] == "writeback:u1"
    deployment.promote(second)
    assert top(retriever)[1] == "writeback:u2"
    deployment.rollback()
    assert top(retriever)[1] == "writeback:u1" and retriever.release == first


@pytest.mark.parametrize("file", ["units.parquet", "index/index.faiss", "index/manifest.json", "release.json"])
def test_a_damaged_release_is_refused_and_the_old_one_serves_on(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    deployment.promote(deployment.release(u1=10.0))
    retriever = live(deployment)
    second = deployment.release(u2=11.0)
    deployment.promote(second)
    path = deployment.folder / second / file
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with caplog.at_level(logging.WARNING):
        assert [top(retriever)[0] for _ in range(3)] == ["r000001"] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # told once, not at each request
    assert file.rsplit("/", maxsplit=1)[-1] in caplog.text and "r000001 serves on" in caplog.text
    deployment.promote(deployment.release(u3=12.0))
    assert top(retriever)[1] == "writeback:u3"


def test_a_mended_release_is_taken_after_a_while(deployment: Deployment) -> None:
    deployment.promote(deployment.release(u1=10.0))
    retriever = live(deployment, retry_seconds=0.0)
    second = deployment.release(u2=11.0)
    deployment.promote(second)
    path = deployment.folder / second / "units.parquet"
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert top(retriever)[0] == "r000001"
    path.write_bytes(whole)
    assert top(retriever)[0] == second


def test_at_the_start_a_damaged_release_gives_way_to_the_one_before(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    for angle in (10.0, 11.0, 12.0):
        deployment.promote(deployment.release(u=angle))
    for name in ("r000003", "r000002"):
        (deployment.folder / name / "units.parquet").write_bytes(b"")
    retriever = live(deployment)
    assert top(retriever)[0] == "r000001" and "taken instead" in caplog.text
    (deployment.folder / "r000001" / "units.parquet").write_bytes(b"")
    with pytest.raises(IntegrityError, match="r000003"):
        live(deployment)


def test_an_earlier_release_taken_at_the_start_brings_back_no_unit_without_its_source(deployment: Deployment) -> None:
    deployment.promote(deployment.release(u1=10.0))
    deployment.promote(deployment.release(u1=10.0, u2=260.0, source="south"))
    deployment.promote(deployment.release(u3=11.0))
    for name in ("r000002", "r000003"):
        (deployment.folder / name / "units.parquet").write_bytes(b"")
    deployment.index({"south": 270.0})
    retriever = live(deployment)
    assert top(retriever) == ("r000001", "corpus:south", "270.0")
    assert retriever.search(["10"]).hits.filter(origin="writeback").is_empty()
    assert len(list(deployment.folder.glob("r0*"))) == 3  # nothing was written


def test_a_pointer_that_is_damaged_or_gone_leaves_the_old_view(deployment: Deployment) -> None:
    deployment.promote(deployment.release(u1=10.0))
    retriever = live(deployment)
    pointer = deployment.folder / "CURRENT"
    for damage in (b"", b"\xff\xff", b"r000009\n", b"../../x\n"):
        pointer.write_bytes(damage)
        assert top(retriever)[0] == "r000001"
    pointer.unlink()
    assert top(retriever)[0] == "r000001"


def test_a_corpus_that_is_indexed_anew_is_taken_up(deployment: Deployment) -> None:
    deployment.promote(deployment.release(u1=30.0))
    retriever = live(deployment)
    assert top(retriever)[1] == "corpus:east"
    deployment.index({"new": 10.0})
    assert top(retriever) == ("r000001", "corpus:new", "10.0")


def test_a_damaged_state_of_the_corpus_leaves_the_old_view(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    retriever = live(deployment)
    deployment.index({"new": 10.0})
    state = current_state(deployment.settings, "c")
    assert state is not None
    (state.folder / "index.faiss").write_bytes(b"")
    assert top(retriever) == ("", "corpus:east", "0.0") and "index.faiss" in caplog.text


def test_a_release_made_again_under_its_name_is_not_served_from_memory(deployment: Deployment) -> None:
    """What forgetting does: the folder gives way to one without the unit, and the pointer stays."""
    name = deployment.release(u1=10.0, u2=12.0)
    deployment.promote(name)
    retriever = live(deployment)
    assert top(retriever)[1] == "writeback:u1"
    less = deployment.release(u2=12.0)
    (deployment.folder / name).rename(deployment.folder / ".old")
    assert top(retriever)[1] == "writeback:u1"  # between the two there is nothing else to serve
    (deployment.folder / less).rename(deployment.folder / name)
    assert top(retriever) == (name, "writeback:u2", "12.0")


def test_without_a_corpus_there_is_nothing_to_start_with(deployment: Deployment) -> None:
    (deployment.settings.corpus_index("c") / "current.json").unlink()
    with pytest.raises(NotBuiltError):
        live(deployment)


def test_no_request_fails_while_the_pointer_goes_back_and_forth(deployment: Deployment) -> None:
    """Threads search while another promotes and rolls back: each answer is wholly of one release, and none fails."""
    # Both releases answer both questions, each with texts of its own.
    names = [deployment.release(u1=10.0, u2=100.0), deployment.release(u3=11.0, u4=101.0)]
    expected = {names[0]: ["u1", "u2"], names[1]: ["u3", "u4"]}
    deployment.promote(names[0])
    retriever = live(deployment)
    stop = threading.Event()
    failures: list[BaseException] = []
    answers: list[tuple[str, list[str]]] = []

    def ask() -> None:
        try:
            while not stop.is_set():
                found = retriever.search(["10.4", "100.4"], top_k=1)
                answers.append((found.release, found.hits.sort("query")["passage_id"].to_list()))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    moves = 0
    until = time.monotonic() + 3.0
    while time.monotonic() < until or moves < 20:
        deployment.promote(names[1])
        deployment.rollback()
        moves += 2
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert {release for release, _ in answers} == set(names)
    assert all(expected[release] == ids for release, ids in answers)
    assert retriever.release == names[0]


def test_a_pointer_that_leaves_and_returns_while_a_view_is_opened_is_followed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [deployment.release(u1=10.0), deployment.release(u2=10.0)]
    for name in names:
        deployment.promote(name)
    retriever = live(deployment)
    deployment.rollback()
    read = live_module.read_pointer

    def read_between_two_moves(folder: Path) -> Pointer | None:
        monkeypatch.undo()
        deployment.promote(names[1])
        found = read(folder)
        deployment.rollback()
        return found

    monkeypatch.setattr(live_module, "read_pointer", read_between_two_moves)
    assert retriever.release == names[1]  # opened while that one was served
    assert retriever.release == names[0]


def test_a_reader_sees_what_the_labels_allow_in_each_release(deployment: Deployment) -> None:
    retriever = live(deployment)
    for angle in (10.0, 11.0):
        secret = units_of({f"u{angle}": angle}).with_columns(labels=pl.lit(["hr"], dtype=pl.List(pl.String)))
        deployment.promote(build_release(secret, deployment.encoder, deployment.folder, {}).name)
        with pytest.raises(InputError, match="who reads"):
            retriever.search(["10"])
        assert retriever.search(["10"], 1, labels=["hr"]).hits["passage_id"].to_list() == [f"u{angle}"]
        assert retriever.search(["10"], 1, labels=[]).hits["passage_id"].to_list() == ["east"]


def test_a_refresh_cut_before_units_were_retired_serves_none_whose_source_is_gone(deployment: Deployment) -> None:
    name = deployment.release(source="west", u1=10.0)
    deployment.promote(name)
    running = live(deployment)
    assert running.search(["10"], 1).hits["passage_id"].to_list() == ["u1"]
    deployment.index({angle: at for angle, at in CORPUS.items() if angle != "west"}, cut_short=True)
    for retriever in (running, live(deployment)):  # one that had it open, and one that starts now
        found = retriever.search(["10"], 4)
        assert found.release == name
        assert set(found.hits["passage_id"]) == {"north", "east", "south"}


def test_a_refresh_cut_before_units_were_closed_to_readers_serves_them_to_nobody_else(deployment: Deployment) -> None:
    deployment.promote(deployment.release(u1=10.0))
    running = live(deployment)
    closed = passages_of(CORPUS).with_columns(
        labels=pl.when(pl.col("passage_id") == "east").then(pl.lit(["hr"])).otherwise(pl.lit([], pl.List(pl.String)))
    )
    tables.PASSAGES.store(closed, deployment.settings, "c")
    build_corpus_index(deployment.settings, "c", deployment.encoder)
    for retriever in (running, live(deployment)):
        assert "u1" not in retriever.search(["10"], 4, labels=[]).hits["passage_id"].to_list()
        assert "u1" in retriever.search(["10"], 4, labels=["hr"]).hits["passage_id"].to_list()


def test_units_that_stand_serve_on_in_the_middle_of_a_refresh(deployment: Deployment) -> None:
    deployment.promote(deployment.release(u1=10.0))
    deployment.index({**CORPUS, "more": 45.0}, cut_short=True)
    assert live(deployment).search(["10"], 1).hits["passage_id"].to_list() == ["u1"]


def test_one_text_is_not_searched_letter_by_letter_and_no_top_k_is_not_the_usual_one(deployment: Deployment) -> None:
    retriever = live(deployment)
    with pytest.raises(InputError, match="a list of questions"):
        retriever.search("10")
    with pytest.raises(InputError, match="a list of questions"):
        retriever.answer("10")
    with pytest.raises(ValueError, match="at least 1, not 0"):
        retriever.search(["10"], top_k=0)
