"""What is forgotten leaves the collections that it was published to, or the certificate says that it did not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.publishing.conftest import MakeStore, Releases, unit_id
from tests.publishing.stores import ODD, QdrantStore, Store
from tests.publishing.test_publish import to, wbrag
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.publishing.publications import Publications
from wbrag_pipeline.publishing.publish import publish
from wbrag_pipeline.publishing.target_address import parse_target

TEXTS = {"one": "The first unit says something of its own.", "odd": ODD}


@pytest.fixture(autouse=True)
def _no_built_in_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their questions are not read."""
    monkeypatch.setattr(registry, "BUILT_IN", tmp_path / "nothing")
    monkeypatch.delenv("DAGSTER_HOME")


def published(releases: Releases, *stores: Store) -> None:
    releases.index(TEXTS)
    releases.release(TEXTS)
    for store in stores:
        to(releases, store)


def test_a_forgotten_passages_units_leave_every_target(
    releases: Releases, make_store: MakeStore, tmp_path: Path
) -> None:
    stores = [make_store(kind) for kind in ("qdrant", "lancedb", "pgvector")]
    published(releases, *stores)
    before = [store.foreign() for store in stores]
    code, output = wbrag("forget", "passage", "one", "--json", str(tmp_path / "certificate.json"))
    assert code == 0, output
    for store, foreign in zip(stores, before, strict=True):
        assert [row["wbrag_unit"] for row in store.ours()] == [unit_id("odd")]
        assert store.foreign() == foreign
        assert f"Withdrawn from {store.address}" in output
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert {f"published/{store.address}" for store in stores} <= set(certificate["places"])
    assert [target["problem"] for target in certificate["targets"]] == ["", "", ""]
    assert "cleanup_older_than" in output  # LanceDB keeps earlier versions
    with Lineage(releases.settings.layout.lineage).connect() as connection:
        rows = connection.execute("SELECT units FROM publications WHERE action = 'withdraw'").fetchall()
    assert rows == [(1,), (1,), (1,)]


def test_units_of_an_earlier_release_are_withdrawn_too(releases: Releases, store: Store) -> None:
    published(releases, store)
    releases.release({"odd": ODD})  # not published: the target still holds the first release
    certificate = forget(releases.settings, "unit", [unit_id("one")])
    assert not certificate.not_withdrawn
    assert [row["wbrag_unit"] for row in store.ours()] == [unit_id("odd")]
    assert Publications.load(releases.settings.layout).entries[0].units == 1


def test_a_target_that_is_not_reached_is_named_and_reached_later(
    releases: Releases, make_store: MakeStore, tmp_path: Path
) -> None:
    away, near = make_store("qdrant"), make_store("lancedb")
    assert isinstance(away, QdrantStore)
    published(releases, away, near)
    shutil.move(away.folder, tmp_path / "aside")
    code, output = wbrag("forget", "passage", "one", "--json", str(tmp_path / "certificate.json"))
    assert code == 1
    assert "NOT withdrawn" in output and away.address in output and "forget --resume" in output
    assert [row["wbrag_unit"] for row in near.ours()] == [unit_id("odd")]
    problems = {t["target"]: t["problem"] for t in json.loads((tmp_path / "certificate.json").read_text())["targets"]}
    assert problems[near.address] == "" and "is not there" in problems[away.address]
    # The home is done all the same, and says what is open.
    assert "The first unit" not in "".join(_texts(releases.settings.home))
    assert f"forgotten units may still be in {away.address}" in wbrag("status")[1]

    code, output = wbrag("forget", "--resume")
    assert code == 1 and "NOT withdrawn" in output
    shutil.move(tmp_path / "aside", away.folder)
    code, output = wbrag("forget", "--resume")
    assert code == 0, output
    assert "NOT" not in output and f"published/{away.address}" in output
    assert [row["wbrag_unit"] for row in away.ours()] == [unit_id("odd")]
    code, output = wbrag("forget", "--resume")
    assert code == 2 and "nothing was left unfinished" in output


def test_another_forgetting_does_not_lose_what_waits_for_a_target(
    releases: Releases, make_store: MakeStore, tmp_path: Path
) -> None:
    store = make_store("qdrant")
    assert isinstance(store, QdrantStore)
    published(releases, store)
    shutil.move(store.folder, tmp_path / "aside")
    assert wbrag("forget", "unit", unit_id("one"))[0] == 1
    assert wbrag("forget", "unit", unit_id("odd"))[0] == 1
    shutil.move(tmp_path / "aside", store.folder)
    assert wbrag("forget", "--resume")[0] == 0
    assert store.ours() == []


def test_a_collection_that_is_gone_is_no_proof(releases: Releases, make_store: MakeStore) -> None:
    store = make_store("pgvector")
    published(releases, store)
    with store.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(f"DROP TABLE {store.table}")  # type: ignore[attr-defined]
    code, output = wbrag("forget", "unit", unit_id("one"))
    assert code == 1 and "is not there" in output and "--remove" in output
    assert wbrag("publish", "b", "--to", store.address, "--remove")[0] == 0
    assert wbrag("forget", "--resume")[0] == 0


def test_a_folder_that_is_gone_is_taken_off_the_record(releases: Releases, make_store: MakeStore) -> None:
    store = make_store("qdrant")
    assert isinstance(store, QdrantStore)
    published(releases, store)
    shutil.rmtree(store.folder)
    assert wbrag("publish", "b", "--to", store.address, "--remove")[0] == 0
    assert Publications.load(releases.settings.layout).entries == () and not store.folder.exists()


def test_a_target_that_says_it_removed_and_did_not_is_no_deletion(
    releases: Releases, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wbrag_pipeline.publishing.qdrant_target import QdrantTarget

    store = make_store("qdrant")
    published(releases, store)
    monkeypatch.setattr(QdrantTarget, "remove", lambda *_: None)
    code, output = wbrag("forget", "unit", unit_id("one"))
    assert code == 1 and "1 of them are there still" in output


def test_a_published_benchmark_is_not_removed_before_its_units_are(releases: Releases, make_store: MakeStore) -> None:
    store = make_store("qdrant")
    published(releases, store)
    code, output = wbrag("remove", "benchmark", "b", "--yes")
    assert code == 2 and f"wbrag publish b --to '{store.address}' --remove" in output
    assert wbrag("publish", "b", "--to", store.address, "--remove")[0] == 0
    assert wbrag("remove", "benchmark", "b", "--yes")[0] == 0


def test_a_damaged_record_is_refused(releases: Releases, make_store: MakeStore) -> None:
    store = make_store("qdrant")
    published(releases, store)
    for damage in ("{", '{"home": "x", "publications": [{"benchmark": "b"}]}', '{"home": 7, "publications": []}', "[]"):
        releases.settings.layout.published.write_text(damage)
        with pytest.raises(IntegrityError, match=r"published\.json.*damaged"):
            publish(releases.settings, "b", "c", parse_target(store.address))
        with pytest.raises(IntegrityError, match=r"published\.json.*damaged"):
            forget(releases.settings, "unit", [unit_id("one")])


def _texts(folder: Path) -> list[str]:
    import polars as pl

    files = [file for file in folder.rglob("*") if file.is_file()]
    return [repr(pl.read_parquet(f).to_dicts()) if f.suffix == ".parquet" else f.read_text("latin-1") for f in files]
