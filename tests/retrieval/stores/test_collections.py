"""Collections outside of the home: none is left behind, none of another home is dropped, and no store is believed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import InputError, IntegrityError, VectorStoreError
from wbrag_pipeline.home import Home
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index, read_manifest, verify_vectors
from wbrag_pipeline.retrieval.index_ids import IndexIds
from wbrag_pipeline.retrieval.protocols import Positions
from wbrag_pipeline.retrieval.stores.backends import backend_at, close_backends
from wbrag_pipeline.retrieval.stores.collections import Collections, drop_unneeded
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing_directory
from wbrag_pipeline.store_address import StoreAddress, parse_store
from wbrag_pipeline.training.preflight import check_before_a_run

pytest.importorskip("lancedb")
ENCODER = HashEncoder(8)
VECTORS = ENCODER.encode_passages([""] * 5, ["one", "two", "three", "four", "five"])
LABELS = pl.Series([[], ["hr"], [], ["hr"], []], dtype=pl.List(pl.String))
SECRET = "s3cr3t-Pa55"


@pytest.fixture
def collections(tmp_path: Path) -> Iterator[Collections]:
    yield Collections(Home(tmp_path / "home"), parse_store(f"lancedb:{tmp_path / 'store'}"))
    close_backends()


def stored(collections: Collections) -> set[str]:
    return {path.stem for path in Path(collections.store.place).glob("*.lance")}


def index(collections: Collections, corpus: str = "c") -> Path:
    """An index where the home keeps those of a corpus."""
    folder = collections.home.corpus_index(corpus, "e") / "3f9a"
    with collections.making() as name, replacing_directory(folder) as new:
        build_index(VECTORS, list("abcde"), new, ENCODER, labels=LABELS, store=collections.store, collection=name)
    return folder


def test_a_build_that_fails_leaves_no_collection(collections: Collections) -> None:
    index(collections, "other")
    with pytest.raises(RuntimeError, match="after the store"), collections.making() as name:
        backend_at(collections.store).create(Path(), name, Written(8, [VECTORS], np.zeros(5, dtype=np.int32)), "flat")
        assert name in stored(collections)
        raise RuntimeError("after the store")
    assert len(stored(collections)) == 1 == len(list(collections.home.collections.iterdir()))


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from wbrag_pipeline.home import Home
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.collections import Collections, drop_unneeded
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.store_address import parse_store

collections = Collections(Home(Path(sys.argv[1])), parse_store(sys.argv[2]))
with collections.making() as name:
    written = Written(4, [np.eye(4, dtype=np.float32)], np.zeros(4, dtype=np.int32))
    backend_at(collections.store).create(Path(), name, written, "flat")
    assert drop_unneeded(collections.home).counts == {}  # it is still being made
    os._exit(9)
"""


def test_what_a_killed_build_left_is_dropped_by_the_next_who_looks(collections: Collections) -> None:
    kept = read_manifest(index(collections)).collection
    command = [sys.executable, "-c", KILLED, str(collections.home.folder), str(collections.store)]
    assert subprocess.run(command, check=False).returncode == 9
    assert len(stored(collections)) == 2
    assert drop_unneeded(collections.home).counts == {str(collections.store): 1}
    assert stored(collections) == {kept}


def test_an_index_that_went_takes_its_collection_along(collections: Collections) -> None:
    folder = index(collections)
    other = read_manifest(index(collections, "other")).collection
    shutil.rmtree(folder)
    assert drop_unneeded(collections.home).counts == {str(collections.store): 1}
    assert stored(collections) == {other}


def test_a_copy_of_a_home_drops_nothing_of_the_original(collections: Collections, tmp_path: Path) -> None:
    folder = index(collections)
    copy = Home(tmp_path / "copy")
    shutil.copytree(collections.home.folder, copy.folder)
    shutil.rmtree(copy.folder / "indexes")
    dropped = drop_unneeded(copy)
    assert dropped.counts == {} and str(collections.home.folder) in dropped.others[0]
    assert len(open_index(folder, ENCODER)) == 5


def test_a_damaged_manifest_stops_the_dropping(collections: Collections) -> None:
    """What it names is not known, so every collection may be the one."""
    folder = index(collections)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(IntegrityError, match="damaged"):
        drop_unneeded(collections.home)
    assert len(stored(collections)) == 1


def test_a_collection_that_is_gone_or_short_is_told(collections: Collections) -> None:
    folder = index(collections)
    import lancedb

    table = lancedb.connect(collections.store.place).open_table(read_manifest(folder).collection)
    table.delete("position = 4")
    with pytest.raises(IntegrityError, match="4 vectors of 8 numbers and 5 ids"):
        open_index(folder, ENCODER)
    backend_at(collections.store).drop(read_manifest(folder).collection)
    with pytest.raises(IntegrityError, match="has no table"):
        open_index(folder, ENCODER)


def test_vectors_that_somebody_changed_are_found_by_reading_all(collections: Collections) -> None:
    folder = index(collections)
    verify_vectors(folder, open_index(folder, ENCODER))
    import lancedb

    table = lancedb.connect(collections.store.place).open_table(read_manifest(folder).collection)
    table.update("position = 2", {"vector": VECTORS[0].tolist()})
    with pytest.raises(IntegrityError, match="does not hold the vectors that were written"):
        verify_vectors(folder, open_index(folder, ENCODER))


def test_a_store_that_gives_what_the_reader_may_not_see_is_not_believed(collections: Collections) -> None:
    """Whoever may write into the store could open a passage to everybody there."""
    folder = index(collections)
    import lancedb

    table = lancedb.connect(collections.store.place).open_table(read_manifest(folder).collection)
    open_set = table.search().where("position = 0").to_list()[0]["label_set"]
    table.update("position = 1", {"label_set": open_set})
    with pytest.raises(IntegrityError, match="may not see"):
        open_index(folder, ENCODER).search(VECTORS[1:2], 3, frozenset())


class Liar:
    """A store that names a position which it does not have."""

    dimension, keeps_vectors = 8, True

    def __len__(self) -> int:
        return 2

    def nearest(self, queries: Any, width: int, visible: Any) -> tuple[Any, Positions]:
        return np.ones((len(queries), width), dtype=np.float32), np.full((len(queries), width), 7)

    def vectors_at(self, positions: Positions) -> Any:
        return VECTORS[positions]


def test_a_position_that_there_is_not_is_not_believed() -> None:
    index = Index(IndexIds.of(pl.Series(["a", "b"]), pl.Series([[], []], dtype=pl.List(pl.String))), Liar())
    with pytest.raises(IntegrityError, match="position 7 of 2"):
        index.search(VECTORS[:1], 2)


# Addresses.


@pytest.mark.parametrize(
    "given",
    [
        f"pgvector:postgresql://u:{SECRET}@h/d",
        f"pgvector:host=h password={SECRET}",
        f"qdrant:http://u:{SECRET}@h:6333",
        f"qdrant:http://h:6333?api_key={SECRET}",
        f"lancedb:s3://key:{SECRET}@bucket/x",
        SECRET,
        f"milvus:{SECRET}",
        "qdrant:",
        "pgvector",
        "faiss:/folder",
    ],
)
def test_an_address_that_is_none_or_holds_a_password_is_refused(given: str, wbrag_home: Path) -> None:
    if given.startswith("pgvector:"):
        pytest.importorskip("psycopg")
    done = CliRunner().invoke(app, ["run", "sample_nq", "--store", given])
    assert isinstance(done.exception, InputError) and SECRET not in str(done.exception)
    assert not wbrag_home.exists() or not [file for file in wbrag_home.rglob("*") if file.is_file()]


def test_a_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(store="lancedb:vectors").store == f"lancedb:{tmp_path / 'vectors'}"
    assert Settings(store="lancedb:s3://bucket/v/").store == "lancedb:s3://bucket/v"
    assert str(parse_store("lancedb")) == "lancedb" and parse_store("faiss") == StoreAddress("faiss")


def test_stores_do_not_share_a_folder_in_the_home(wbrag_home: Path) -> None:
    made = [Settings(home=wbrag_home, store=store) for store in ("faiss", "lancedb", "lancedb:/a", "qdrant:/a")]
    for folder in (lambda s: s.corpus_index("c"), lambda s: s.releases("b"), lambda s: s.table("retrievals", "b")):
        assert len({folder(settings) for settings in made}) == 4
    assert len({settings.table("passages", "c") for settings in made}) == 1


@pytest.mark.parametrize("given", ["pgvector:postgresql://u@127.0.0.1:1/d", "qdrant:http://127.0.0.1:1"])
def test_a_store_that_cannot_be_reached_is_told_before_the_work(
    wbrag_home: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(VectorStoreError, match="refused") as raised:
        check_before_a_run(Settings(home=wbrag_home, store=given), [])
    assert given in str(raised.value) and SECRET not in str(raised.value)


@pytest.mark.parametrize(("store", "kind"), [("faiss", "IVF,none"), ("lancedb", "diskann"), ("qdrant:/x", "ivf")])
def test_a_kind_of_index_that_the_store_has_not_is_told_before_the_work(
    wbrag_home: Path, store: str, kind: str
) -> None:
    with pytest.raises(InputError, match=kind):
        check_before_a_run(Settings(home=wbrag_home, store=store, index=kind), [])


def test_what_is_made_while_others_look_is_not_dropped(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who drops has seen the note of a collection that is being made; its index is there when he comes to it."""
    first, second = sorted(read_manifest(index(collections, corpus)).collection for corpus in ("one", "two"))
    folder = next(file.parent for file in collections.home.folder.rglob("manifest.json") if second in file.read_text())
    held = folder.with_name(".held")
    folder.rename(held)
    flock = fcntl.flock

    def lock(handle: int, operation: int) -> None:
        flock(handle, operation)
        if held.exists() and Path(os.readlink(f"/proc/self/fd/{handle}")).stem == second:
            held.rename(folder)  # by who was making it, just before he let go of the note

    monkeypatch.setattr("wbrag_pipeline.retrieval.stores.collections.fcntl.flock", lock)
    assert drop_unneeded(collections.home).counts == {}
    assert stored(collections) == {first, second}


def test_a_note_that_another_takes_before_it_is_locked_is_written_again(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = []

    def lock(handle: int, operation: int) -> None:
        if not locks:
            (note,) = collections.home.collections.iterdir()
            note.unlink()  # by one who drops, and saw a note that nobody held
        locks.append(operation)

    monkeypatch.setattr("wbrag_pipeline.retrieval.stores.collections.fcntl.flock", lock)
    with collections.making() as name:
        assert [note.stem for note in collections.home.collections.iterdir()] == [name]
    assert len(locks) == 2
