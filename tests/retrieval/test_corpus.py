"""A corpus' index knows what it was made of: a changed source is seen, a mixed base is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.retrieval.conftest import CompassEncoder, passages_of
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.corpus import build_corpus_index, is_fresh, open_knowledge_base, source_fingerprint
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import write_text


def store(settings: Settings, source: Path, angles: dict[str, float]) -> None:
    """What the asset `passages` leaves."""
    file = settings.table("passages", "c")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(settings.source_note("c"), source_fingerprint(source))
    passages_of(angles).write_parquet(file)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "c.jsonl").write_text("one", encoding="utf-8")
    return tmp_path / "c.jsonl"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_an_index_is_fresh_for_the_very_file_it_was_made_from(
    settings: Settings, source: Path, compass: CompassEncoder, tmp_path: Path
) -> None:
    assert not is_fresh(settings, "c", source)
    store(settings, source, {"a": 0.0})
    assert not is_fresh(settings, "c", source)
    build_corpus_index(settings, "c", compass)
    assert is_fresh(settings, "c", source)
    # Another file of the same size, older than the index: what a corpus added with --replace may be.
    other = tmp_path / "other.jsonl"
    other.write_text("two", encoding="utf-8")
    os.utime(other, (1, 1))
    assert not is_fresh(settings, "c", other)
    source.write_text("changed", encoding="utf-8")
    assert not is_fresh(settings, "c", source)


def test_a_folder_is_fresh_until_one_of_its_files_changes(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("a", encoding="utf-8")
    before = source_fingerprint(folder)
    assert source_fingerprint(folder) == before
    (folder / "b.md").write_text("b", encoding="utf-8")
    assert source_fingerprint(folder) != before


def test_a_table_that_the_index_was_not_made_from_is_refused(
    settings: Settings, source: Path, compass: CompassEncoder
) -> None:
    with pytest.raises(NotBuiltError):
        open_knowledge_base(settings, "c", compass)
    store(settings, source, {"a": 0.0, "b": 90.0})
    build_corpus_index(settings, "c", compass)
    assert open_knowledge_base(settings, "c", compass).search(["0"], 1)["passage_id"].to_list() == ["a"]
    # Killed between the two assets: the same ids, other texts.
    store(settings, source, {"a": 90.0, "b": 0.0})
    with pytest.raises(IntegrityError, match="--refresh"):
        open_knowledge_base(settings, "c", compass)
    build_corpus_index(settings, "c", compass)
    assert open_knowledge_base(settings, "c", compass).search(["0"], 1)["passage_id"].to_list() == ["b"]


@pytest.mark.parametrize("name", ["index.faiss", "ids.parquet", "manifest.json", "origin.json"])
def test_damage_says_how_to_mend_it(settings: Settings, source: Path, compass: CompassEncoder, name: str) -> None:
    store(settings, source, {"a": 0.0})
    build_corpus_index(settings, "c", compass)
    (settings.corpus_index("c") / name).write_bytes(b"x")
    with pytest.raises(IntegrityError, match="--refresh"):
        open_knowledge_base(settings, "c", compass)
    settings.table("passages", "c").write_bytes(b"PAR1")
    with pytest.raises(IntegrityError, match="--refresh"):
        open_knowledge_base(settings, "c", compass)


def test_a_table_cut_short_is_an_error_that_names_it(settings: Settings, source: Path) -> None:
    from wbrag_pipeline import tables

    store(settings, source, {"a": 0.0})
    file = settings.table("passages", "c")
    file.write_bytes(file.read_bytes()[:-20])
    for read in (tables.PASSAGES.read, tables.PASSAGES.scan):
        with pytest.raises(IntegrityError, match=r"c\.parquet"):
            read(file)
