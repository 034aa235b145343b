"""A disk that fills up, or a home that cannot be written, in the middle of a refresh, forgetting or a move by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.failures.conftest import SmallDisk
from tests.failures.killing_writes import WORKS
from wbrag_pipeline.datasets import registry
from wbrag_pipeline.errors import StorageError
from wbrag_pipeline.retrieval.encoding import encoder
from wbrag_pipeline.settings import Settings

LASTING = [name for name in WORKS if name != "train"]


@pytest.fixture
def as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the works change for the process that they were written for is as before afterwards."""
    monkeypatch.setattr(registry, "BUILT_IN", tmp_path / "nothing")
    monkeypatch.setattr(encoder, "load_encoder", encoder.load_encoder)


@pytest.mark.usefixtures("as_in_a_process_of_its_own")
@pytest.mark.parametrize("name", LASTING)
@pytest.mark.parametrize("small_disk", ["4m"], indirect=True)
@pytest.mark.parametrize("leave", [0, 8_192, 16_384])
def test_a_disk_that_fills_up(small_disk: SmallDisk, tmp_path: Path, name: str, leave: int) -> None:
    work, settings = WORKS[name], Settings(home=small_disk.folder / "home")
    template = Settings(home=tmp_path / "template")
    work.prepare(template)
    shutil.copytree(template.home, settings.home)
    old, _ = work.look(settings), work.do(settings)
    new = work.look(settings)
    shutil.rmtree(settings.home)
    shutil.copytree(template.home, settings.home)
    small_disk.fill(leave)
    with pytest.raises(StorageError, match="free space") as refused:
        work.do(settings)
    assert str(small_disk.folder) in str(refused.value)
    small_disk.empty()
    left = work.look(settings)
    for side in ("served", "corpus"):
        assert left[side] in (old[side], new[side])
    work.do(settings)
    completed = work.look(settings)
    for part in ("served", "corpus", "moves", "bytes", "released", "decided"):
        assert completed[part] == new[part], part
    assert name != "forget" or completed["traces"] == []


@pytest.mark.usefixtures("as_in_a_process_of_its_own")
@pytest.mark.parametrize("name", LASTING)
def test_a_home_that_cannot_be_written(tmp_path: Path, lock_folder: Callable[[Path], None], name: str) -> None:
    work, settings = WORKS[name], Settings(home=tmp_path / "home")
    work.prepare(settings)
    before = {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()}
    lock_folder(settings.home)
    with pytest.raises((StorageError, OSError), match=r"(?i)read-only|denied|readonly|unable to open"):
        work.do(settings)
    after = {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()}
    assert {path: data for path, data in after.items() if data or path in before} == before
