"""Publishing to real stores: the new units are there before the old ones go, and nothing of anybody else's changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.publishing.conftest import KINDS, MakeStore, Releases, unit_id
from tests.publishing.stores import ODD, Store
from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import InputError, VectorStoreError
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.publishing import publish as publishing
from wbrag_pipeline.publishing.publications import Publications
from wbrag_pipeline.publishing.publish import Published, publish, unpublish
from wbrag_pipeline.publishing.target_address import parse_target
from wbrag_pipeline.publishing.target_columns import TargetColumns

TEXTS = {"one": "The first unit.", "odd": ODD, "日本": "単位。"}


# As the command is killed when the new units are there and the old ones not gone.
KILLED = """
import os, sys
from wbrag_pipeline.cli import main
from wbrag_pipeline.publishing import publish
publish.remove_and_verify = lambda *_: os._exit(9)
sys.argv = ["wbrag", "publish", "b", "--to", sys.argv[1]]
main()
"""
ROOT = Path(__file__).parents[2]


def to(releases: Releases, store: Store, benchmark: str = "b", **options: object) -> Published:
    options.setdefault("create", "lancedb" in store.address)
    return publish(releases.settings, benchmark, "c", parse_target(store.address), **options)  # type: ignore[arg-type]


def held(store: Store) -> set[tuple[str, str, str]]:
    return {(row["wbrag_benchmark"], row["wbrag_release"], row["wbrag_unit"]) for row in store.ours()}


def wbrag(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return getattr(done.exception, "exit_code", -1), f"{done.output}{done.exception}"
    return done.exit_code, done.output


def test_units_are_written_with_texts_sources_and_labels(releases: Releases, store: Store) -> None:
    name = releases.release(TEXTS, labels={"odd": ["staff", "o'dd"]})
    before = store.foreign()
    done = to(releases, store)
    assert (done.release, done.written, done.labelled, done.removed) == (name, 3, 1, 0)
    rows = {row["wbrag_unit"]: row for row in store.ours()}
    assert {unit: row["text"] for unit, row in rows.items()} == {unit_id(n): text for n, text in TEXTS.items()}
    assert {tuple(row["wbrag_sources"]) for row in rows.values()} == {(n,) for n in TEXTS}
    assert sorted(rows[unit_id("odd")]["wbrag_labels"]) == ["o'dd", "staff"]
    assert rows[unit_id("one")]["wbrag_labels"] == []
    assert store.foreign() == before


def test_a_title_stands_above_the_text_where_there_is_no_column_for_it(releases: Releases, store: Store) -> None:
    releases.release({"one": "The first unit."}, title="A title")
    to(releases, store)
    assert [row["text"] for row in store.ours()] == ["A title\nThe first unit."]


def test_the_old_release_goes_and_an_earlier_one_comes_back(releases: Releases, store: Store) -> None:
    first = releases.release({"one": "The first unit.", "two": "The second."})
    to(releases, store)
    before = store.foreign()
    second = releases.release({"two": "The second.", "three": "The third."})
    assert to(releases, store).removed == 2
    assert held(store) == {("b", second, unit_id("two")), ("b", second, unit_id("three"))}
    assert to(releases, store, release=first).removed == 2
    assert held(store) == {("b", first, unit_id("one")), ("b", first, unit_id("two"))}
    assert store.foreign() == before


def test_publishing_again_changes_nothing(releases: Releases, store: Store) -> None:
    releases.release(TEXTS)
    to(releases, store)
    before = store.ours()
    assert to(releases, store).removed == 0
    assert store.ours() == before


def test_an_empty_release_empties_what_is_ours(releases: Releases, store: Store) -> None:
    releases.release(TEXTS)
    to(releases, store)
    before = store.foreign()
    releases.release({})
    done = to(releases, store)
    assert (done.written, done.removed) == (0, 3)
    assert store.ours() == [] and store.foreign() == before


def test_all_of_ours_is_taken_out(releases: Releases, store: Store) -> None:
    releases.release(TEXTS)
    to(releases, store)
    before = store.foreign()
    assert unpublish(releases.settings, "b", parse_target(store.address)) == 3
    assert store.ours() == [] and store.foreign() == before
    assert Publications.load(releases.settings.layout).entries == ()
    assert unpublish(releases.settings, "b", parse_target(store.address)) == 0


def test_a_dry_run_changes_nothing(releases: Releases, store: Store) -> None:
    releases.release(TEXTS)
    before = store.foreign()
    done = to(releases, store, dry_run=True)
    assert done.written == 3 and store.ours() == [] and store.foreign() == before
    # Which columns were chosen can be seen before anything is written to them.
    assert "text=" in done.columns and TargetColumns.parse(done.columns).text
    assert not releases.settings.layout.published.exists()


def test_two_benchmarks_in_one_collection_do_not_see_each_other(releases: Releases, store: Store) -> None:
    releases.benchmark("b2")
    name = releases.release({"one": "The first unit."})
    # The same name of a release, and the same unit.
    assert releases.release({"one": "The first unit.", "x": "Another."}, benchmark="b2") == name
    to(releases, store)
    to(releases, store, "b2")
    assert len(store.ours()) == 3
    releases.release({})
    to(releases, store)
    assert held(store) == {("b2", name, unit_id("one")), ("b2", name, unit_id("x"))}
    unpublish(releases.settings, "b", parse_target(store.address))
    assert len(store.ours()) == 2


def test_another_homes_benchmark_of_the_same_name_stays_until_it_is_taken_over(
    releases: Releases, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = Releases(tmp_path / "elsewhere" / "home")
    releases.release({"one": "The first unit."})
    other.release({"two": "The second."})
    to(other, store)
    done = to(releases, store)
    assert done.others == 1 and len(store.ours()) == 2
    assert unpublish(releases.settings, "b", parse_target(store.address)) == 1
    assert to(releases, store, take_over=True).removed == 1
    assert [row["wbrag_unit"] for row in store.ours()] == [unit_id("one")]


def test_a_run_that_is_killed_between_writing_and_removing_leaves_both_and_the_next_repairs_it(
    releases: Releases, make_store: MakeStore
) -> None:
    # With one store: a process each is slow, and the test below stops at every step with all of them.
    store = make_store("lancedb")
    first = releases.release({"one": "The first unit."})
    to(releases, store)
    before = store.foreign()
    second = releases.release({"two": "The second."})
    killed = subprocess.run([sys.executable, "-c", KILLED, store.address], check=False, cwd=ROOT)
    assert killed.returncode == 9
    assert held(store) == {("b", first, unit_id("one")), ("b", second, unit_id("two"))}
    (entry,) = Publications.load(releases.settings.layout).entries
    assert not entry.finished and "not finished" in wbrag("status")[1]
    assert to(releases, store).removed == 1
    assert held(store) == {("b", second, unit_id("two"))} and store.foreign() == before
    assert Publications.load(releases.settings.layout).entries[0].finished


class Killed(BaseException):
    """No ``except Exception`` stops it."""


def test_a_run_that_is_killed_at_any_step_is_repaired_by_the_next(
    releases: Releases, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = releases.release({"one": "The first unit.", "two": "The second."})
    second = releases.release({"two": "The second.", "three": "The third."})
    to(releases, store, release=first)
    before = store.foreign()
    with publishing.opened_target(parse_target(store.address), publishing.columns_of(None, None)) as target:
        kind = type(target)
    complete = {first: 2, second: 2}
    for step in range(100):
        left = [step]

        def count(real: Callable[..., Any], left: list[int] = left) -> Callable[..., Any]:
            def counted(*arguments: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return real(*arguments)

            return counted

        with monkeypatch.context() as patch:
            for name in ("lacks", "held", "write", "remove"):
                patch.setattr(kind, name, count(getattr(kind, name)))
            patch.setattr(publishing, "record_publication", count(publishing.record_publication))
            try:
                to(releases, store, release=second)
                break
            except Killed:
                pass
        # Never neither: a search always finds one of the two, whole.
        there = [sum(row["wbrag_release"] == name for row in store.ours()) for name in complete]
        assert complete[first] == there[0] or complete[second] == there[1]
        assert store.foreign() == before
        to(releases, store, release=second)
        assert len(store.ours()) == 2 and {row[1] for row in held(store)} == {second}
        to(releases, store, release=first)
    else:
        pytest.fail("it never came through")
    assert step >= 6 and {row[1] for row in held(store)} == {second}
    assert [entry.finished for entry in Publications.load(releases.settings.layout).entries] == [True]


def test_old_units_stay_where_the_new_ones_did_not_arrive(
    releases: Releases, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = releases.release({"one": "The first unit."})
    to(releases, store)
    releases.release({"two": "The second."})
    with publishing.opened_target(parse_target(store.address), publishing.columns_of(None, None)) as target:
        kind = type(target)
    monkeypatch.setattr(kind, "write", lambda *_: None)
    with pytest.raises(VectorStoreError, match="nothing was removed"):
        to(releases, store)
    assert held(store) == {("b", first, unit_id("one"))}


@pytest.mark.parametrize("kind", KINDS)
def test_other_dimensions_are_refused_with_both_and_the_encoder(
    releases: Releases, make_store: MakeStore, kind: str
) -> None:
    store = make_store(kind, dimension=5)
    releases.release(TEXTS)
    before = store.foreign()
    with pytest.raises(InputError, match=r"5 dimensions.*8.*hash-8") as raised:
        to(releases, store)
    assert raised.value.exit_code == 2
    assert store.foreign() == before and store.ours() == []
    assert Publications.load(releases.settings.layout).entries == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_collection_is_made_only_with_create(releases: Releases, make_store: MakeStore, kind: str) -> None:
    store = make_store(kind)
    missing = parse_target(store.address + "_new")
    releases.release(TEXTS)
    for dry_run in (False, True):
        with pytest.raises(InputError, match=r"passages_new.*8 dimensions.*--create"):
            publish(releases.settings, "b", "c", missing, dry_run=dry_run)
    told = publish(releases.settings, "b", "c", missing, create=True, dry_run=True)
    assert "passages_new" in told.made[0]
    with pytest.raises(InputError, match="--create"):
        publish(releases.settings, "b", "c", missing)
    assert publish(releases.settings, "b", "c", missing, create=True).written == 3
    assert publish(releases.settings, "b", "c", missing).written == 3
    assert unpublish(releases.settings, "b", missing) == 3


@pytest.mark.parametrize("kind", ["qdrant", "lancedb"])
def test_no_folder_is_made_before_something_is_written(releases: Releases, tmp_path: Path, kind: str) -> None:
    pytest.importorskip({"qdrant": "qdrant_client", "lancedb": "lancedb"}[kind])
    address = parse_target(f"{kind}:{tmp_path / 'deep' / 'new'}#c")
    releases.release(TEXTS)
    with pytest.raises(InputError, match="--create"):
        publish(releases.settings, "b", "c", address)
    publish(releases.settings, "b", "c", address, create=True, dry_run=True)
    assert unpublish(releases.settings, "b", address) == 0
    assert not (tmp_path / "deep").exists()
    assert publish(releases.settings, "b", "c", address, create=True).written == 3


def test_a_release_of_the_same_name_that_another_generator_made_takes_the_place(
    releases: Releases, store: Store
) -> None:
    releases.release({"one": "The first unit.", "two": "The second."})
    to(releases, store)
    releases.settings = releases.settings.with_(generator="transformers:other")
    name = releases.release({"one": "The first unit.", "three": "The third."})
    assert name == "r000001"
    to(releases, store)
    assert {row[2] for row in held(store)} == {unit_id("one"), unit_id("three")} and len(store.ours()) == 2


def test_new_labels_of_a_unit_are_written(releases: Releases, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    releases.index({"one": "The first unit."})
    releases.release({"one": "The first unit."})
    to(releases, store)
    releases.index({"one": "The first unit."}, {"one": ["staff"]})
    monkeypatch.setattr("wbrag_pipeline.retrieval.encoding.encoder.load_encoder", lambda *_: releases.encoder)
    to(releases, store)
    assert [row["wbrag_labels"] for row in store.ours()] == [["staff"]]


def test_units_whose_sources_are_gone_do_not_come_back_with_an_earlier_release(
    releases: Releases, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.index({"one": "The first unit.", "two": "The second."})
    first = releases.release({"one": "The first unit.", "two": "The second."})
    releases.index({"two": "The second."})
    monkeypatch.setattr("wbrag_pipeline.retrieval.encoding.encoder.load_encoder", lambda *_: releases.encoder)
    done = to(releases, store, release=first)
    assert done.wanted == first != done.release
    assert held(store) == {("b", done.release, unit_id("two"))}


def test_where_units_were_published_is_recorded_and_shown(releases: Releases, store: Store) -> None:
    first = releases.release({"one": "The first unit."})
    create = ["--create"] if "lancedb" in store.address else []
    code, output = wbrag("publish", "b", "--to", store.address, *create)
    assert code == 0, output
    assert f"1 units of b {first} written, 0 removed" in output
    releases.release({"two": "The second."})
    _, output = wbrag("status")
    assert f"b is published to {store.address}: {first}" in output and "r000002 is served here" in output
    with Lineage(releases.settings.layout.lineage).connect() as connection:
        rows = connection.execute("SELECT benchmark, release, target, action, units FROM publications").fetchall()
    assert rows == [("b", first, store.address, "publish", 1)]


def test_promoting_and_rolling_back_here_say_what_to_publish(releases: Releases, make_store: MakeStore) -> None:
    store = make_store("qdrant")
    first = releases.release({"one": "The first unit."})
    to(releases, store)
    second = releases.release({"two": "The second."}, serve=False)
    _, output = wbrag("release", "promote", "b", second)
    command = f"{second} is served; publish it with: wbrag publish b --to '{store.address}'"
    assert f"{store.address} holds {first}" in output and command in output
    to(releases, store)
    _, output = wbrag("release", "rollback", "b")
    assert f"{store.address} holds {second}, and {first} is served" in output
    to(releases, store)
    assert "publish it" not in wbrag("release", "promote", "b", first)[1]


def test_the_filter_that_the_page_shows_hides_what_a_reader_may_not_see(
    releases: Releases, make_store: MakeStore
) -> None:
    labels = {"staff": ["staff"], "both": ["hr", "staff"], "other": ["board"]}
    releases.release({"open": "For all.", "staff": "For staff.", "both": "For few.", "other": "For the board."}, labels)
    store = make_store("pgvector")
    to(releases, store)
    page = (ROOT / "docs" / "how-to" / "publish.md").read_text(encoding="utf-8")
    query = page.partition("```sql\n")[2].partition("```")[0]
    # The page's table has its usual names.
    for name, own in (("content", "body"), ("metadata", "meta"), ("passages", store.table), ("LIMIT 5", "LIMIT 50")):  # type: ignore[attr-defined]
        query = query.replace(name, own)
    with store.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(f"UPDATE {store.table} SET meta = NULL WHERE id = 'a'")  # type: ignore[attr-defined]
        found = {row[0] for row in connection.execute(query.replace("$1", "'[1,0,0,0,0,0,0,0]'")).fetchall()}
    assert {"For all.", "For staff.", "The first passage.", ODD} <= found
    assert not found & {"For few.", "For the board."}


def test_columns_are_remembered_and_may_not_change(releases: Releases, make_store: MakeStore) -> None:
    store = make_store("pgvector")
    releases.release(TEXTS)
    to(releases, store, columns="text=body,metadata=meta")
    to(releases, store)
    with pytest.raises(InputError, match="--remove"):
        to(releases, store, columns="text=id")
    with pytest.raises(InputError, match="names no column"):
        to(releases, store, columns="labels=x")


@pytest.mark.parametrize("inside", ["qdrant:{home}/q#c", "lancedb:{home}/deeper/l#c"])
def test_a_collection_inside_the_home_is_refused(releases: Releases, inside: str) -> None:
    releases.release(TEXTS)
    address = parse_target(inside.format(home=releases.settings.home))
    with pytest.raises(InputError, match="inside the home"):
        publish(releases.settings, "b", "c", address, create=True)
