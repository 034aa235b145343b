"""States of a corpus share a collection: a refresh writes what changed, and nobody can tell it from a build of all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NIGHTLY
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.errors import IntegrityError, VectorStoreError
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.home import Home
from wbrag_pipeline.retrieval.access import UNRESTRICTED
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state, current_state
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index, read_manifest, verify_vectors
from wbrag_pipeline.retrieval.slots import Slots
from wbrag_pipeline.retrieval.stores.backends import backend_at, close_backends
from wbrag_pipeline.retrieval.stores.collections import Collections, drop_unneeded
from wbrag_pipeline.retrieval.stores.pgvector_store import PgvectorBackend
from wbrag_pipeline.retrieval.stores.versions import VersionedBackend
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.store_address import parse_store

ENCODER = HashEncoder(8)
ASKED = ENCODER.encode_queries([f"red{n} blue{n}" for n in range(6)])
READERS = (UNRESTRICTED, frozenset(), frozenset({"hr"}), frozenset({"hr", "it"}))

# A passage: id, number of its text, label. Texts are few, so that many score the same.
Row = tuple[str, int, str]


def text_of(number: int) -> str:
    return f"red{number % 5} blue{number % 3} green{number}"


def passages_of(rows: list[Row]) -> pl.DataFrame:
    found = [
        (name, "T", text_of(n), sha256_of_text("T", text_of(n)), [label] if label else [], name, None)
        for name, n, label in rows
    ]
    return pl.DataFrame(found, schema=tables.PASSAGES.schema, orient="row")


def index(place: Settings, rows: list[Row]) -> Path:
    """What a refresh does up to its index; the state's folder."""
    tables.PASSAGES.store(passages_of(rows), place, "c")
    build_corpus_index(place, "c", ENCODER)
    state = current_state(place, "c")
    assert state is not None
    return state.folder


def refresh(place: Settings, rows: list[Row]) -> Path:
    folder = index(place, rows)
    commit_state(place, "c")
    return folder


def hits(folder: Path) -> list[Any]:
    """Ids and scores of every reader, for few and for all."""
    found, opened = [], open_index(folder, ENCODER)
    for reader in READERS:
        for top_k in (3, 100):
            scores, positions = opened.search(ASKED, top_k, reader)
            ids = [opened.ids_at(row[row >= 0]).to_list() for row in positions]
            found.append((ids, scores.tobytes(), [opened.label_sets.any, opened.labels.to_list()]))
    return found


def from_nothing(folder: Path, rows: list[Row]) -> list[Any]:
    """What an index of FAISS gives that was made of these alone."""
    table = passages_of(rows)
    vectors = ENCODER.encode_passages(table["title"].to_list(), table["text"].to_list())
    build_index(vectors, table["passage_id"], folder, ENCODER, labels=table["labels"])
    return hits(folder)


def named(home: Home) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for file in home.folder.glob("indexes/*/*/[!.]*/manifest.json"):
        said = json.loads(file.read_text())
        found.setdefault(said["collection"], set()).add(said["version"])
    return found


def run(address: str, statement: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(address.removeprefix("pgvector:")) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def place(postgres: str, tmp_path: Path) -> Iterator[Settings]:
    yield Settings(home=tmp_path / "home", store=f"pgvector:{postgres}")
    shutil.rmtree(tmp_path / "home" / "indexes", ignore_errors=True)
    drop_unneeded(Home(tmp_path / "home"))
    close_backends()


ROWS: list[Row] = [(f"p{n}", n, ["", "hr", ""][n % 3]) for n in range(100)]
CHANGED: list[Row] = [*ROWS[:50], ("p50", 777, ""), *ROWS[51:]]


# A chain of refreshes.

_PLACE, _TEXT = st.integers(0, 30), st.integers(0, 12)
CHANGE = st.one_of(
    st.tuples(st.just("edit"), _PLACE, _TEXT),
    st.tuples(st.just("label"), _PLACE, st.sampled_from(["", "hr", "it"])),
    st.tuples(st.just("add"), _PLACE, _TEXT),
    st.tuples(st.sampled_from(["delete", "move", "rename"]), _PLACE, _PLACE),
)
STEP = st.one_of(
    st.tuples(st.sampled_from(["refresh", "refresh", "not committed"]), st.lists(CHANGE, max_size=4)),
    st.tuples(st.sampled_from(["back", "forget", "anew", "killed"]), _PLACE),
)


def changed(rows: list[Row], changes: list[tuple[str, int, Any]], fresh: Iterator[int]) -> list[Row]:
    rows = list(rows)
    for what, where, how in changes:
        at = where % len(rows) if rows else 0
        if what == "add" or not rows:
            rows.insert(at, (f"n{next(fresh)}", how if isinstance(how, int) else 0, ""))
        elif what == "delete":
            del rows[at]
        elif what == "move":
            rows.insert(how % len(rows), rows.pop(at))
        else:
            name, text, label = rows[at]
            rows[at] = {
                "edit": (name, how, label),
                "label": (name, text, how),
                "rename": (f"n{next(fresh)}", text, label),
            }[what]
    return rows


@settings(max_examples=200 if NIGHTLY else 6)
@given(script=st.lists(STEP, min_size=2, max_size=6))
def test_a_chain_of_refreshes_gives_what_a_build_from_nothing_gives(
    postgres: str, tmp_path_factory: pytest.TempPathFactory, script: list[tuple[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    place = Settings(home=folder / "home", store=f"pgvector:{postgres}")
    (folder / "c.jsonl").write_text('{"id": "p0", "contents": "T\\nred0"}\n')
    add_corpus(place.home, "c", folder / "c.jsonl")
    rows, fresh = ROWS[:16], iter(range(10_000))
    known: dict[str, list[Any]] = {}  # what each state gives, by its folder's name
    before = [rows]
    for step, (what, how) in enumerate([("refresh", []), *script]):
        if what in ("refresh", "not committed"):
            rows = changed(rows, how, fresh)
        elif what == "anew":
            rows = [(f"x{next(fresh)}", how + n, "hr") for n in range(12)]
        elif what == "back":
            rows = before[how % len(before)]
        elif what == "killed":
            left_over = index(place, changed(rows, [("edit", how, 99), ("delete", how + 1, 0)], fresh))
            shutil.rmtree(left_over)  # as if it had never got its name
        elif rows:
            gone = rows[how % len(rows)]
            tables.PASSAGES.store(passages_of(rows), place, "c")
            forget(place, "passage", [gone[0]], corpus="c")
            rows = [row for row in rows if row[1] != gone[1]]
            left = [vector_of(row[1]) for row in rows]
            assert vector_of(gone[1]) in left or not stored_vectors(place, vector_of(gone[1]))
            before, known = [], {}
        before.append(rows)
        now = (index if what == "not committed" else refresh)(place, rows)
        known[now.name] = from_nothing(folder / f"scratch{step}", rows)
        states = [state for state in now.parent.glob("[0-9a-f]*") if state.is_dir()]
        assert now in states
        for state in states:  # also those that somebody may still have open
            if state.name in known:
                assert hits(state) == known[state.name]
                verify_vectors(state, open_index(state, ENCODER))
        if what != "not committed":
            drop_unneeded(place.layout)  # a refresh that changes nothing looks for nothing
            check_that_nothing_is_left_over(place)
    shutil.rmtree(place.home / "indexes")
    drop_unneeded(place.layout)


def vector_of(number: int) -> str:
    return str(ENCODER.encode_passages(["T"], [text_of(number)])[0].tolist())


def stored_vectors(place: Settings, vector: str) -> int:
    """How many rows of the home's collections have this vector, whatever version they are of."""
    names = [note.stem for note in place.layout.collections.glob("wbrag_*.json")]
    return sum(run(place.store, f"SELECT count(*) FROM {name} WHERE embedding = '{vector}'")[0][0] for name in names)


def check_that_nothing_is_left_over(place: Settings) -> None:
    backend, living = backend_at(parse_store(place.store)), named(place.layout)
    assert isinstance(backend, VersionedBackend)
    assert {note.stem for note in place.layout.collections.glob("wbrag_*.json")} == living.keys()
    for name, versions in living.items():
        assert backend.versions(name) == versions
        seen = " OR ".join(f"(added <= {version} AND removed > {version})" for version in versions)
        assert run(place.store, f"SELECT count(*) FROM {name} WHERE NOT ({seen})") == [(0,)]


# What is written.


def test_a_refresh_writes_the_passages_that_changed_alone(place: Settings) -> None:
    """Counted as Postgres knows it: rows that another transaction than the first has written."""
    first = read_manifest(refresh(place, ROWS))
    first_one = run(place.store, f"SELECT DISTINCT xmin::text FROM {first.collection}")
    assert len(first_one) == 1
    for rows, written in [
        (CHANGED, 2),  # the new text, and the mark on the old one
        ([CHANGED[-1], *CHANGED[:-1]], 0),  # moved
        ([("other", *CHANGED[0][1:]), *CHANGED[1:]], 0),  # another id
        ([*CHANGED, ("new", 500, "it")], 1),
        ([*CHANGED[:9], *CHANGED[10:]], 2),  # and the new one again
    ]:
        now = read_manifest(refresh(place, rows))
        assert now.collection == first.collection
        touched = run(
            place.store,
            f"SELECT count(*) FROM {now.collection} WHERE added = {now.version} OR removed = {now.version}",
        )
        assert touched == [(written,)]
    # Deleted when the states before had gone, and not written again meanwhile.
    unwritten = run(place.store, f"SELECT count(*) FROM {first.collection} WHERE xmin::text = '{first_one[0][0]}'")
    assert unwritten == [(98,)]


def test_a_state_that_is_open_gives_the_same_while_others_come_and_an_error_when_it_has_gone(place: Settings) -> None:
    one = refresh(place, ROWS)
    expected, opened = hits(one), open_index(one, ENCODER)
    first = opened.search(ASKED, 7)
    refresh(place, CHANGED)
    again = opened.search(ASKED, 7)
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1]) and hits(one) == expected
    refresh(place, CHANGED[1:])  # the state before the last goes
    with pytest.raises(VectorStoreError, match="no longer has the state"):
        opened.search(ASKED, 7)


def test_what_only_the_state_before_has_leaves_the_shared_table_when_it_is_forgotten(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The served state keeps its table, which is vacuumed: Postgres keeps deleted rows until then."""
    (tmp_path / "c.jsonl").write_text('{"id": "p0", "contents": "T\\nred0"}\n')
    add_corpus(place.home, "c", tmp_path / "c.jsonl")
    served = read_manifest(index(place, ROWS) and refresh(place, CHANGED))
    refresh(place, [*CHANGED[:20], *CHANGED[21:70], ("p70", 555, "")])
    vacuumed = []
    erase = PgvectorBackend.erase
    monkeypatch.setattr(PgvectorBackend, "erase", lambda own, name: (vacuumed.append(name), erase(own, name)))
    assert stored_vectors(place, vector_of(20)) == 1
    forget(place, "passage", ["p20"], corpus="c")
    assert stored_vectors(place, vector_of(20)) == 0
    assert read_manifest(current_folder(place)).collection == served.collection and served.collection in vacuumed
    assert len(named(place.layout)) == 2
    check_that_nothing_is_left_over(place)


def test_a_store_is_not_asked_where_there_is_nothing_to_drop(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another corpus' that cannot be reached now."""
    refresh(place, ROWS)
    asked = []
    monkeypatch.setattr("wbrag_pipeline.retrieval.stores.collections.backend_at", asked.append)
    assert drop_unneeded(place.layout).counts == {} and not asked
    assert drop_unneeded(place.layout, erase=True).counts == {} and not asked
    monkeypatch.undo()


def test_too_much_that_changed_makes_a_new_collection(place: Settings) -> None:
    first = read_manifest(refresh(place, ROWS))
    half = read_manifest(refresh(place, [(name, n + 500 * (n < 60), label) for name, n, label in ROWS]))
    assert half.collection != first.collection
    # Also bit by bit: what an approximate index was trained on is no longer there.
    collections, rows = set(), list(ROWS)
    for start in range(0, 100, 20):
        rows = [
            (name, n + 1000 * (start <= place_of < start + 20), label) for place_of, (name, n, label) in enumerate(rows)
        ]
        collections.add(read_manifest(refresh(place, rows)).collection)
    assert len(collections) > 1
    assert len(named(place.layout)) <= 2


def test_another_arithmetic_or_kind_of_index_makes_a_new_collection(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_manifest(refresh(place, ROWS))
    tables.PASSAGES.store(passages_of(CHANGED), place, "c")
    other = HashEncoder(8)
    other.arithmetic = "gpu"
    build_corpus_index(place, "c", other)
    second = read_manifest(current_folder(place))
    assert second.collection != first.collection
    # `auto` takes another kind for more passages.
    monkeypatch.setattr("wbrag_pipeline.retrieval.stores.pgvector_store._MOST_EXACT", 100)
    third = read_manifest(refresh(place, [*CHANGED, ("more", 555, "")]))
    assert (second.factory, third.factory) == ("flat", "hnsw") and third.collection != second.collection


def test_a_damaged_state_is_not_gone_on_from(place: Settings, tmp_path: Path) -> None:
    """Whichever of its files: what is in the table of the store is not known then."""
    for name in ("passages.parquet", "slots.arrow", "ids.arrow", "manifest.json", "origin.json"):
        for served in ("the newest", "the one before"):
            shutil.rmtree(place.home / "indexes", ignore_errors=True)
            drop_unneeded(place.layout)
            refresh(place, ROWS)
            newest = index(place, CHANGED)
            (newest / name).write_bytes(b"{")
            if served != "the newest":
                (newest.parent / "current.json").write_bytes((newest.parent / "committed.json").read_bytes())
            rows: list[Row] = [*CHANGED, ("new", 500, "it")]
            assert hits(index(place, rows)) == from_nothing(tmp_path / f"{name} {served}", rows)
            shutil.rmtree(newest)


def test_an_empty_corpus_and_one_that_was_empty(place: Settings, tmp_path: Path) -> None:
    for number, rows in enumerate(([], ROWS[:1], [], ROWS[:9], [*ROWS[:9], ("new", 3, "")])):
        assert hits(refresh(place, rows)) == from_nothing(tmp_path / f"scratch{number}", rows)
    drop_unneeded(place.layout)
    check_that_nothing_is_left_over(place)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_an_approximate_index_finds_as_many_beside_rows_of_other_versions(place: Settings, kind: str) -> None:
    """The nearest rows of all are gone from the newer state: what pgvector filters must not leave a smaller result."""
    place = place.with_(index=kind)
    near = [("near", n) for n in range(45)]
    rows: list[Row] = [*((f"{name}{n}", 0, "") for name, n in near), *ROWS[:60]]
    one = refresh(place, rows)
    two = refresh(place, rows[30:])
    assert read_manifest(one).collection == read_manifest(two).collection
    for folder, count in ((one, 105), (two, 75)):
        found = open_index(folder, ENCODER).store.nearest(ASKED, 50, None)[1]
        assert (found >= 0).all() and found.max() < count


# Copies, restored homes, and what is killed.


def test_a_copy_of_a_home_changes_nothing_of_the_original(place: Settings, tmp_path: Path) -> None:
    """Neither a copy elsewhere nor one that has taken the path of the original adds to its collections."""
    first = refresh(place, ROWS)
    expected = hits(first)
    copy = tmp_path / "copy"
    shutil.copytree(place.home, copy)
    elsewhere = place.with_(home=copy)
    assert hits(refresh(elsewhere, CHANGED)) == from_nothing(tmp_path / "scratch", CHANGED)
    assert read_manifest(current_folder(elsewhere)).collection != read_manifest(first).collection
    os.rename(place.home, tmp_path / "original")
    shutil.copytree(tmp_path / "original", place.home)
    refresh(place, CHANGED)
    assert read_manifest(current_folder(place)).collection != read_manifest(first).collection
    shutil.rmtree(place.home)
    os.rename(tmp_path / "original", place.home)
    assert hits(first) == expected
    shutil.rmtree(copy / "indexes")
    drop_unneeded(Home(copy))


def test_a_machine_that_pulled_a_state_searches_it_and_adds_nothing_to_it(place: Settings, tmp_path: Path) -> None:
    """It has the state's folder and no note; a refresh there makes a collection of its own, and drops nothing."""
    first = refresh(place, ROWS)
    expected = hits(first)
    other = place.with_(home=tmp_path / "other")
    pulled = other.corpus_index("c") / first.name
    shutil.copytree(first, pulled)
    shutil.copyfile(first.parent / "current.json", pulled.parent / "current.json")
    drop_unneeded(other.layout)
    assert hits(pulled) == expected
    opened = open_index(pulled, ENCODER)
    theirs = refresh(other, CHANGED)
    assert read_manifest(theirs).collection != read_manifest(first).collection
    # And the first machine goes on in its own, seen by the other as long as the state is kept.
    second = read_manifest(refresh(place, CHANGED))
    assert second.collection == read_manifest(first).collection
    assert opened.search(ASKED, 9)[0].tobytes() == open_index(first, ENCODER).search(ASKED, 9)[0].tobytes()
    shutil.rmtree(other.home / "indexes")
    drop_unneeded(other.layout)
    assert hits(first) == expected


def test_a_home_that_a_backup_was_put_back_into_goes_on_from_there(place: Settings, tmp_path: Path) -> None:
    """The store is ahead of it: what it does not know of is undone, and what is gone is made anew."""
    one = refresh(place, ROWS)
    backup = tmp_path / "backup"
    shutil.copytree(one.parent, backup)
    for later in ([*CHANGED[1:]], [*CHANGED[2:]]):
        ahead = refresh(place, later)
        shutil.rmtree(ahead.parent)
        shutil.copytree(backup, ahead.parent)
        again = refresh(place, CHANGED)
        assert hits(again) == from_nothing(tmp_path / f"scratch{len(later)}", CHANGED)
        drop_unneeded(place.layout)
        check_that_nothing_is_left_over(place)
        shutil.rmtree(again.parent)
        shutil.copytree(backup, again.parent)
    refresh(place, CHANGED)
    refresh(place, CHANGED[1:])
    with pytest.raises(IntegrityError, match="has no version"):
        shutil.copytree(backup / one.name, one)
        open_index(one, ENCODER)


def test_two_homes_that_cannot_be_told_apart_find_out(place: Settings, tmp_path: Path) -> None:
    """A clone of a disk has everything of the original. Whoever comes second takes from the first, who is told."""
    one = refresh(place, ROWS)
    held = tmp_path / "held"
    shutil.copytree(one.parent, held)
    two = index(place, CHANGED)
    opened = open_index(two, ENCODER)
    kept = tmp_path / "two"
    os.rename(two, kept)
    (one.parent / "current.json").write_bytes((held / "current.json").read_bytes())
    index(place, [*ROWS, ("clone", 900, "")])
    with pytest.raises(VectorStoreError, match="no longer has the state"):
        opened.search(ASKED, 3)
    with pytest.raises(IntegrityError, match="has no version"):
        open_index(kept, ENCODER)


def current_folder(place: Settings) -> Path:
    state = current_state(place, "c")
    assert state is not None
    return state.folder


KILLED = """
import json, os, sys
from pathlib import Path
from tests.retrieval.stores import test_shared_collections as own
from wbrag_pipeline import storage
from wbrag_pipeline.retrieval.stores.pgvector_store import PgvectorBackend
from wbrag_pipeline.settings import Settings

home, store, wanted, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
steps = 0

def counted(function, counts=lambda *given: True):
    def step(*given, **named):
        global steps
        steps += counts(*given)
        if steps == wanted:
            os._exit(9)
        return function(*given, **named)
    return step

# Of the states and of the notes; the table of passages and the embeddings have tests of their own.
ours = lambda source, target: "embeddings" not in str(target) and "tables" not in str(target)
os.replace, os.rename = counted(os.replace, ours), counted(os.rename, ours)
for name in ("begin", "go_on", "keep_versions", "drop"):
    setattr(PgvectorBackend, name, counted(getattr(PgvectorBackend, name)))
own.refresh(Settings(home=Path(home), store=store), [tuple(row) for row in rows])
"""


@pytest.mark.slow
def test_a_refresh_that_is_killed_between_two_writes_leaves_what_was(place: Settings, tmp_path: Path) -> None:
    """What was served is served, and the next refresh ends as if nothing had been, with nothing left over."""
    refresh(place, ROWS)
    now, wanted, ends = ROWS, 0, []
    for step in range(1, 60):
        rows: list[Row] = [*ROWS[:10], (f"k{step}", step, "it"), *ROWS[11:]]
        command = [sys.executable, "-c", KILLED, str(place.home), place.store, str(step), json.dumps(rows)]
        done = subprocess.run(command, check=False, cwd=Path(__file__).parents[3])
        assert done.returncode in (0, 9)
        served = hits(current_folder(place))
        ends.append(done.returncode)
        assert served in (from_nothing(tmp_path / f"a{step}", now), from_nothing(tmp_path / f"b{step}", rows))
        if step % 2:  # another corpus than the killed one had, or the same again
            rows = [*ROWS[:20], (f"l{step}", step, ""), *ROWS[21:]]
        assert hits(refresh(place, rows)) == from_nothing(tmp_path / f"c{step}", rows)
        drop_unneeded(place.layout)
        check_that_nothing_is_left_over(place)
        now = rows
        if done.returncode == 0:
            break
        wanted += 1
    assert ends[-1] == 0 and wanted > 8


def test_a_note_of_an_earlier_version_and_a_table_without_versions_are_kept(place: Settings) -> None:
    """Its state is searched, and the next refresh writes a new collection."""
    first = refresh(place, ROWS)
    expected = hits(first)
    (first / "slots.arrow").unlink()
    (first / "manifest.json").unlink()
    for file in first.glob("ids.arrow"):
        file.unlink()
    table = pl.read_parquet(first / "passages.parquet")
    vectors = ENCODER.encode_passages(table["title"].to_list(), table["text"].to_list())
    with Collections.of(place).making() as name:
        build_index(
            vectors,
            table["passage_id"],
            first,
            ENCODER,
            labels=table["labels"],
            store=parse_store(place.store),
            collection=name,
        )
    note = place.layout.collections / f"{name}.json"
    said = json.loads(note.read_text())
    note.write_text(json.dumps({"store": said["store"], "home": said["home"]}))
    assert read_manifest(first).version == 0 and hits(first) == expected
    after = refresh(place, CHANGED)
    assert read_manifest(after).collection != name and hits(first) == expected
    refresh(place, CHANGED[1:])
    assert not note.exists()


def test_slots_of_another_file_are_refused(place: Settings) -> None:
    one, two = refresh(place, ROWS), refresh(place, CHANGED)
    shutil.copyfile(one / "slots.arrow", two / "slots.arrow")
    with pytest.raises(IntegrityError, match="sha256"):
        open_index(two, ENCODER)


def test_a_row_that_is_not_of_the_state_is_not_believed() -> None:
    slots = Slots(np.array([5, 2, 9]), np.array([1, 0, 2]), (0,), 3, 10, "cpu")
    assert slots.positions_of(np.array([[2, -1], [9, 5]])).tolist() == [[1, -1], [2, 0]]
    with pytest.raises(IntegrityError, match="row 3"):
        slots.positions_of(np.array([2, 3]))
    with pytest.raises(IntegrityError, match="row 0"):
        replace(slots, of=np.zeros(0, np.int64), by_slot=np.zeros(0, np.int64)).positions_of(np.array([0]))
