"""Releases: immutable, built before they are served, verified when read; one pointer with its history."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.retrieval.conftest import CompassEncoder, units_of
from wbrag_pipeline.errors import InputError, IntegrityError, NotBuiltError
from wbrag_pipeline.releases import store as releases
from wbrag_pipeline.releases.diff import diff_units
from wbrag_pipeline.releases.pointer import moves_of, read_pointer, served_name
from wbrag_pipeline.releases.store import (
    Release,
    build_release,
    candidate,
    candidate_name,
    current,
    open_release,
    promote,
    release_names,
    rollback,
)

FIRST, SECOND = {"u1": 10.0, "u2": 80.0}, {"u2": 80.0, "u3": 45.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "releases" / "b"


def build(folder: Path, encoder: CompassEncoder, angles: dict[str, float]) -> Release:
    return build_release(units_of(angles), encoder, folder, {"variant": "v"})


def serve(folder: Path, name: str) -> None:
    promote(folder, name, actor="test", reason="why not")


def test_building_makes_a_candidate_and_serves_nothing(folder: Path, compass: CompassEncoder) -> None:
    with pytest.raises(NotBuiltError, match="wbrag run b"):
        candidate(folder)
    release = build(folder, compass, FIRST)
    assert release.name == "r000001" == candidate(folder).name
    assert sorted(release.units()["unit_id"]) == ["u1", "u2"]
    assert sorted(release.index(compass).ids) == ["u1", "u2"]
    assert release.made["variant"] == "v" and release.made["units"] == 2
    assert set(release.files) == {"units.parquet", "index/index.faiss", "index/ids.arrow", "index/manifest.json"}
    with pytest.raises(NotBuiltError, match="wbrag run b"):
        current(folder)
    serve(folder, "r000001")
    assert current(folder).name == "r000001"
    assert build(folder, compass, SECOND).name == "r000002" == candidate(folder).name
    assert current(folder).name == "r000001"


def test_only_units_in_new_words_are_encoded(folder: Path, compass: CompassEncoder) -> None:
    build(folder, compass, FIRST)
    compass.encoded.clear()
    release = build(folder, compass, SECOND)
    assert compass.encoded == ["45.0"]
    fresh = build(folder.with_name("fresh"), CompassEncoder(), SECOND)
    assert release.files == fresh.files  # the same bytes
    other = CompassEncoder()
    other.arithmetic = "another"
    build(folder, other, {"u2": 80.0})
    assert other.encoded == ["80.0"]
    (folder / "r000003" / "units.parquet").write_bytes(b"")
    compass.encoded.clear()
    build(folder, compass, {**FIRST, **SECOND})
    assert compass.encoded == ["10.0"]  # a damaged release is passed over


def test_the_same_units_are_the_same_release(folder: Path, compass: CompassEncoder) -> None:
    build(folder, compass, FIRST)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert build_release(units_of(FIRST).reverse(), compass, folder, {}).name == "r000001"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    build(folder, compass, SECOND)
    assert build(folder, compass, FIRST).name == "r000001" == candidate(folder).name
    assert release_names(folder) == ["r000001", "r000002"]


def test_another_encoder_makes_another_release(folder: Path, compass: CompassEncoder) -> None:
    build(folder, compass, FIRST)
    assert build(folder, CompassEncoder("other"), FIRST).name == "r000002"


def test_a_release_never_changes_when_others_come_and_go(folder: Path, compass: CompassEncoder) -> None:
    first = build(folder, compass, FIRST)
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    serve(folder, first.name)
    build(folder, compass, SECOND)
    serve(folder, "r000002")
    rollback(folder, actor="test", reason="back")
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before


def test_rolling_back_goes_the_way_that_was_come(folder: Path, compass: CompassEncoder) -> None:
    for angle in (1.0, 2.0, 3.0):
        serve(folder, build(folder, compass, {"u": angle}).name)
    for expected in ("r000002", "r000001"):
        move = rollback(folder, actor="ann", reason="worse")
        assert (move.action, move.release) == ("rollback", expected)
        assert current(folder).name == expected
    with pytest.raises(InputError, match="nothing was served before r000001"):
        rollback(folder, actor="ann", reason="worse")
    serve(folder, "r000003")
    pointer = read_pointer(folder)
    assert pointer is not None and pointer.trail == ["r000001", "r000003"]
    assert rollback(folder, actor="ann", reason="again").release == "r000001"
    assert [move["release"] for move in moves_of(folder)][:2] == ["r000001", "r000003"]
    assert {move["actor"] for move in moves_of(folder)} == {"test", "ann"}


def test_the_pointer_knows_what_was_rolled_back_from(folder: Path, compass: CompassEncoder) -> None:
    for angle in (1.0, 2.0):
        serve(folder, build(folder, compass, {"u": angle}).name)
    rollback(folder, actor="ann", reason="wrong hours")
    pointer = read_pointer(folder)
    assert pointer is not None
    back = pointer.rolled_back("r000002")
    assert back is not None and back.reason == "wrong hours"
    assert pointer.rolled_back("r000001") is None
    serve(folder, "r000002")
    pointer = read_pointer(folder)
    assert pointer is not None and pointer.rolled_back("r000002") is None


def test_promoting_what_is_served_moves_nothing(folder: Path, compass: CompassEncoder) -> None:
    serve(folder, build(folder, compass, FIRST).name)
    before = (folder / "CURRENT").read_bytes()
    assert promote(folder, "r000001", actor="x", reason="x") is None
    assert (folder / "CURRENT").read_bytes() == before


def test_only_a_release_that_is_there_can_be_promoted(folder: Path, compass: CompassEncoder) -> None:
    serve(folder, build(folder, compass, FIRST).name)
    for name in ("r000009", "CURRENT", "..", "index"):
        with pytest.raises(InputError, match="there are: r000001"):
            serve(folder, name)
    assert current(folder).name == "r000001"


def test_no_units_are_a_release_too(folder: Path, compass: CompassEncoder) -> None:
    release = build_release(units_of(FIRST).clear(), compass, folder, {})
    assert release.units().is_empty() and len(release.index(compass)) == 0


def test_a_pointer_of_the_first_form_is_read(folder: Path, compass: CompassEncoder) -> None:
    build(folder, compass, FIRST)
    build(folder, compass, SECOND)
    (folder / "CURRENT").write_text("r000001\n", encoding="utf-8")
    assert current(folder).name == "r000001"
    serve(folder, "r000002")
    assert rollback(folder, actor="x", reason="x").release == "r000001"


def test_a_number_is_never_given_twice(folder: Path, compass: CompassEncoder) -> None:
    import shutil

    for angle in (1.0, 2.0, 3.0):
        serve(folder, build(folder, compass, {"u": angle}).name)
    rollback(folder, actor="x", reason="x")
    shutil.rmtree(folder / "r000003")
    assert candidate(folder).name == "r000002"  # the note's release is gone: the newest there is
    assert build(folder, compass, {"u": 9.0}).name == "r000004"


@pytest.mark.parametrize("name", ["units.parquet", "index/manifest.json", "index/index.faiss", "index/ids.arrow"])
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_release_is_never_served(folder: Path, compass: CompassEncoder, name: str, damage: str) -> None:
    serve(folder, build(folder, compass, FIRST).name)
    release = build(folder, compass, SECOND)
    spoil(release.folder / name, damage)
    with pytest.raises(IntegrityError, match=name.rsplit("/", maxsplit=1)[-1].split(".", maxsplit=1)[0]) as refused:
        serve(folder, release.name)
    assert "wbrag" in str(refused.value)
    assert current(folder).name == "r000001"
    with pytest.raises(IntegrityError):
        release.units(), release.index(compass)
    again = build(folder, compass, SECOND)
    assert again.name == "r000003" == candidate_name(folder)
    again.verify()


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_manifest_is_refused(folder: Path, compass: CompassEncoder, damage: str) -> None:
    serve(folder, build(folder, compass, FIRST).name)
    spoil(folder / "r000001" / "release.json", damage)
    with pytest.raises(IntegrityError, match=r"release\.json"):
        current(folder)
    assert build(folder, compass, FIRST).name == "r000002"


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_a_damaged_pointer_is_told_and_mended_by_promoting(folder: Path, compass: CompassEncoder, damage: str) -> None:
    serve(folder, build(folder, compass, FIRST).name)
    spoil(folder / "CURRENT", damage)
    with pytest.raises(IntegrityError, match="wbrag release promote"):
        current(folder)
    with pytest.raises(IntegrityError, match="wbrag release promote"):
        rollback(folder, actor="x", reason="x")
    assert served_name(folder) == "" and moves_of(folder) == []
    serve(folder, "r000001")
    assert current(folder).name == "r000001"


def spoil(path: Path, damage: str) -> None:
    if damage == "missing":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"\x00" + whole[1:])


def test_a_rollback_to_a_damaged_release_is_refused(folder: Path, compass: CompassEncoder) -> None:
    for angle in (1.0, 2.0):
        serve(folder, build(folder, compass, {"u": angle}).name)
    spoil(folder / "r000001" / "units.parquet", "cut")
    with pytest.raises(IntegrityError, match="r000001"):
        rollback(folder, actor="x", reason="x")
    assert current(folder).name == "r000002"


def test_a_pointer_to_nothing_is_damage(folder: Path, compass: CompassEncoder) -> None:
    import shutil

    serve(folder, build(folder, compass, FIRST).name)
    shutil.rmtree(folder / "r000001")
    with pytest.raises(IntegrityError, match="names r000001, which is not there"):
        current(folder)


def test_a_damaged_validation_note_is_told(folder: Path, compass: CompassEncoder) -> None:
    release = build(folder, compass, FIRST)
    assert release.validation is None
    release.record_validation({"passed": True})
    assert release.validation == {"passed": True}
    release.verify()
    (release.folder / "validation.json").write_text("[", encoding="utf-8")
    with pytest.raises(IntegrityError, match="validation"):
        _ = release.validation


def test_a_build_that_dies_leaves_the_old_state(
    folder: Path, compass: CompassEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(folder, build(folder, compass, FIRST).name)
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    monkeypatch.setattr(
        releases, "build_index", lambda *arguments, **named: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        build(folder, compass, SECOND)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
    assert current(folder).name == "r000001"


def test_two_that_build_at_once_get_two_numbers(
    folder: Path, compass: CompassEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, raced = releases.build_index, []

    def meanwhile(*arguments: object, **named: object) -> object:
        if not raced:
            raced.append(True)
            build(folder, compass, SECOND)
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(releases, "build_index", meanwhile)
    release = build(folder, compass, FIRST)
    assert release.name == "r000002"
    assert sorted(release.units()["unit_id"]) == ["u1", "u2"]
    assert sorted(open_release(folder, "r000001").units()["unit_id"]) == ["u2", "u3"]
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_a_difference_lists_what_was_added_removed_and_changed() -> None:
    old, new = units_of({"u1": 1.0, "u2": 2.0, "u3": 3.0}), units_of({"u1": 1.0, "u4": 4.0, "u5": 5.0})
    # Unit u5 is what the question of u2 has now.
    new = new.with_columns(question_id=pl.col("question_id").replace("qu5", "qu2"))
    found = diff_units(old, new)
    assert found.added["unit_id"].to_list() == ["u4"]
    assert found.removed["unit_id"].to_list() == ["u3"]
    assert found.changed.select("old_unit_id", "unit_id").rows() == [("u2", "u5")]
    assert found.unchanged == 1
    assert json.dumps(diff_units(old, old).added.to_dicts()) == "[]" and diff_units(old, old).unchanged == 3
