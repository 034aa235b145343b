"""A full disk and a folder that cannot be written: a clear message, the old state whole, and on it goes afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.failures.conftest import SmallDisk
from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from wbrag_pipeline import tables
from wbrag_pipeline.errors import StorageError
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.releases.store import build_release, candidate_name, current, promote, release_names
from wbrag_pipeline.retrieval.corpus import build_corpus_index, open_knowledge_base
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing

# Angles whose table and index are a few hundred kilobytes.
MANY = {f"m{n}": n / 100 for n in range(20_000)}
ENCODER = CompassEncoder()
FULL = "no space left on device|database or disk is full|disk I/O error"  # the last two are SQLite's


def store_passages(settings: Settings, angles: dict[str, float]) -> None:
    with replacing(settings.table("passages", "c")) as temporary:
        passages_of(angles).write_parquet(temporary)


def index_corpus(settings: Settings) -> None:
    build_corpus_index(settings, "c", ENCODER)


def release(settings: Settings, angles: dict[str, float]) -> str:
    return build_release(units_of(angles), ENCODER, settings.releases("b"), {}).name


def served(settings: Settings, name: str) -> None:
    promote(settings.releases("b"), name, actor="test", reason="test")


def evaluate(settings: Settings) -> None:
    Lineage(settings.layout.lineage).record_release("run", "v", "b", "r000001", [f"u{n}" for n in range(50_000)], "x")


def answer(settings: Settings) -> None:
    with CompletionCache(settings.layout.completions).recording("test") as put:
        put({hashlib.sha256(bytes([n])).hexdigest(): "x" * 20_000 for n in range(20)}, Usage(calls=20))


WRITES: dict[str, Callable[[Settings], object]] = {
    "table": lambda settings: store_passages(settings, MANY),
    "corpus index": index_corpus,
    "release": lambda settings: release(settings, MANY),
    "pointer": lambda settings: served(settings, "r000002"),
    "lineage": evaluate,
    "completions": answer,
}


@pytest.fixture
def prepared() -> Callable[[Path], Settings]:
    """A home with a corpus, a served release, and one more that could be."""

    def prepare(home: Path) -> Settings:
        settings = Settings(home=home)
        store_passages(settings, {"a": 1.0, "b": 90.0})
        index_corpus(settings)
        served(settings, release(settings, {"u1": 10.0}))
        release(settings, {"u2": 20.0})
        Lineage(settings.layout.lineage).record_release("run", "v", "b", "r000001", ["u1"], "x")
        CompletionCache(settings.layout.completions)
        return settings

    return prepare


def sound(settings: Settings) -> None:
    """What a reader needs is whole, and nothing half-made is to be seen."""
    now = current(settings.releases("b"))
    now.verify()
    assert now.name == "r000001" and candidate_name(settings.releases("b")) == "r000002"
    assert release_names(settings.releases("b")) == ["r000001", "r000002"]
    assert tables.PASSAGES.read(settings.table("passages", "c")).height == 2
    with Lineage(settings.layout.lineage).connect() as connection:
        assert connection.execute("SELECT len(unit_ids) FROM releases").fetchall() == [(1,)]
    assert not list(settings.home.rglob(".*.tmp*"))


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("leave", [0, 16_384])
def test_a_full_disk(small_disk: SmallDisk, prepared: Callable[[Path], Settings], kind: str, leave: int) -> None:
    if kind == "pointer" and leave:
        pytest.skip("there is space for it")
    settings = prepared(small_disk.folder / "home")
    if kind == "corpus index":
        # A corpus that is to be indexed anew: larger than what is left.
        store_passages(settings, {f"p{n}": float(n) for n in range(3000)})
    small_disk.fill(leave)
    with pytest.raises(StorageError, match=rf"({FULL}).*free space") as refused:
        WRITES[kind](settings)
    assert str(small_disk.folder) in str(refused.value)
    small_disk.empty()
    if kind != "corpus index":
        sound(settings)
        assert open_knowledge_base(settings, "c", ENCODER).search(["1"], 5).height == 2
    if kind in ("corpus index", "pointer"):  # the others would need more than the small disk has
        WRITES[kind](settings)
        assert current(settings.releases("b")).name == ("r000002" if kind == "pointer" else "r000001")
        open_knowledge_base(settings, "c", ENCODER)


@pytest.mark.parametrize("kind", WRITES)
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, prepared: Callable[[Path], Settings], lock_folder: Callable[[Path], None], kind: str
) -> None:
    settings = prepared(tmp_path / "home")
    before = {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()}
    lock_folder(settings.home)
    with pytest.raises((StorageError, OSError), match=r"(?i)read-only|denied|readonly|unable to open"):
        WRITES[kind](settings)
    current(settings.releases("b")).verify()
    after = {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()}
    # SQLite leaves its empty log beside a file that it could open, where it may.
    assert {path: data for path, data in after.items() if data or path in before} == before


def test_the_disk_of_somebody_else_stops_no_reader(small_disk: SmallDisk, prepared: Callable[[Path], Settings]) -> None:
    settings = prepared(small_disk.folder / "home")
    small_disk.fill()
    assert current(settings.releases("b")).units().height == 1
    assert open_knowledge_base(settings, "c", ENCODER).search(["1"], 5).height == 2
    assert pl.read_parquet(settings.table("passages", "c")).height == 2
