"""Releases: immutable, one pointer, verified when read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.retrieval.conftest import CompassEncoder, units_of
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.writeback import releases
from wbrag_pipeline.writeback.releases import all_releases, current, promote, publish

FIRST, SECOND = {"u1": 10.0, "u2": 80.0}, {"u2": 80.0, "u3": 45.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "releases" / "b"


def test_publishing_makes_a_release_and_points_to_it(folder: Path, compass: CompassEncoder) -> None:
    with pytest.raises(NotBuiltError, match="wbrag run b"):
        current(folder)
    release = publish(units_of(FIRST), compass, folder)
    assert release.name == "r000001" == current(folder).name
    assert sorted(release.units()["unit_id"]) == ["u1", "u2"]
    assert sorted(release.index(compass).ids) == ["u1", "u2"]


def test_the_same_units_publish_nothing_new(folder: Path, compass: CompassEncoder) -> None:
    publish(units_of(FIRST), compass, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert publish(units_of(FIRST).reverse(), compass, folder).name == "r000001"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_rolling_back_is_swapping_the_pointer(folder: Path, compass: CompassEncoder) -> None:
    publish(units_of(FIRST), compass, folder)
    publish(units_of(SECOND), compass, folder)
    assert [release.name for release in all_releases(folder)] == ["r000001", "r000002"]
    promote(folder, "r000001")
    assert sorted(current(folder).units()["unit_id"]) == ["u1", "u2"]
    promote(folder, "r000002")
    assert sorted(current(folder).units()["unit_id"]) == ["u2", "u3"]


def test_only_a_release_that_is_there_can_be_promoted(folder: Path, compass: CompassEncoder) -> None:
    publish(units_of(FIRST), compass, folder)
    with pytest.raises(IntegrityError, match="r000009"):
        promote(folder, "r000009")
    assert current(folder).name == "r000001"


def test_no_units_are_a_release_too(folder: Path, compass: CompassEncoder) -> None:
    release = publish(units_of(FIRST).clear(), compass, folder)
    assert release.units().is_empty() and len(release.index(compass)) == 0


@pytest.mark.parametrize("name", ["units.parquet", "release.json", "index/index.faiss", "index/ids.parquet"])
def test_a_damaged_file_is_refused(folder: Path, compass: CompassEncoder, name: str) -> None:
    release = publish(units_of(FIRST), compass, folder)
    path = release.folder / name
    path.write_bytes(path.read_bytes()[:-3] + b"xyz" if name != "release.json" else b"{")
    with pytest.raises(IntegrityError, match=path.name.split(".")[0]):
        found = current(folder)
        found.units()
        found.index(compass)


def test_a_publish_that_dies_leaves_the_old_release(
    folder: Path, compass: CompassEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(units_of(FIRST), compass, folder)
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    monkeypatch.setattr(
        releases, "build_index", lambda *arguments, **named: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        publish(units_of(SECOND), compass, folder)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
    assert current(folder).name == "r000001"


def test_a_damaged_release_is_published_anew(folder: Path, compass: CompassEncoder) -> None:
    release = publish(units_of(FIRST), compass, folder)
    (release.folder / "units.parquet").unlink()
    assert publish(units_of(FIRST), compass, folder).name == "r000002" == current(folder).name
    (folder / "CURRENT").write_text("", encoding="utf-8")
    with pytest.raises(IntegrityError, match="CURRENT"):
        current(folder)
    assert publish(units_of(FIRST), compass, folder).name == "r000003"
