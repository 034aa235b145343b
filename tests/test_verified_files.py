"""A large file is hashed once for as long as it stays as it is; nothing else is believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wbrag_pipeline import verified_files
from wbrag_pipeline.storage import sha256_of_file
from wbrag_pipeline.verified_files import forget_known_hashes, known_sha256


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which files were read; every file counts as large."""
    files: list[Path] = []

    def reading(file: Path) -> str:
        files.append(file)
        return sha256_of_file(file)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(verified_files, "_LARGE", 1)
    monkeypatch.setattr(verified_files, "sha256_of_file", reading)
    return files


def old(file: Path, data: bytes, seconds: int = 1_000) -> Path:
    file.write_bytes(data)
    os.utime(file, (seconds, seconds))
    return file


def test_a_file_is_read_once(tmp_path: Path, read: list[Path]) -> None:
    one, other = old(tmp_path / "one", b"first"), old(tmp_path / "other", b"second")
    assert [known_sha256(file) for file in (one, other, one, other)] == [*map(sha256_of_file, (one, other))] * 2
    assert read == [one, other]
    forget_known_hashes()
    known_sha256(one)
    assert read == [one, other, one]


@pytest.mark.parametrize("change", ["content", "size", "time", "another file in its place"])
def test_a_file_that_is_another_is_read_again(tmp_path: Path, read: list[Path], change: str) -> None:
    file = old(tmp_path / "file", b"first")
    known_sha256(file)
    if change == "another file in its place":
        old(tmp_path / "new", b"other").replace(file)
    else:
        old(file, b"longer than before" if change == "size" else b"other", seconds=1_001 if change != "size" else 1_000)
    assert known_sha256(file) == sha256_of_file(file) and len(read) == 2


def test_a_file_that_has_just_been_written_is_not_believed(tmp_path: Path, read: list[Path]) -> None:
    (file := tmp_path / "file").write_bytes(b"now")
    known_sha256(file), known_sha256(file)
    assert len(read) == 2


@pytest.mark.parametrize("damage", [b"{", b"[]", b"{}", b'{"facts": 1}', b"\xff"])
def test_a_damaged_note_is_none(tmp_path: Path, read: list[Path], damage: bytes) -> None:
    file = old(tmp_path / "file", b"first")
    known_sha256(file)
    (note,) = (tmp_path / "cache").rglob("*.json")
    note.write_bytes(damage)
    assert known_sha256(file) == sha256_of_file(file) and len(read) == 2


def test_no_place_for_notes_is_no_error(tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file")
    file = old(tmp_path / "file", b"first")
    assert known_sha256(file) == known_sha256(file) and len(read) == 2


def test_a_small_file_is_read_each_time(tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_files, "_LARGE", 100)
    file = old(tmp_path / "file", b"first")
    known_sha256(file), known_sha256(file)
    assert len(read) == 2 and not (tmp_path / "cache").exists()
