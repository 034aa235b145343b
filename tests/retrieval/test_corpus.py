"""A corpus' index knows what it was made of: a changed source is seen, a mixed base is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.retrieval.conftest import CompassEncoder, passages_of
from tests.retrieval.test_index_ids import as_format_2
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.files.column_map import PASSAGE_NAMES, ColumnMap
from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.corpus import (
    build_corpus_index,
    commit_state,
    committed_state,
    current_state,
    is_in_step,
    open_knowledge_base,
)
from wbrag_pipeline.retrieval.corpus_source import note_source, source_fingerprint
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import replacing


def store(settings: Settings, source: Path, angles: dict[str, float]) -> None:
    """What the asset `passages` leaves."""
    file = settings.table("passages", "c")
    file.parent.mkdir(parents=True, exist_ok=True)
    note_source(settings, "c", source_fingerprint(Corpus("c", source)), passages_of(angles))
    with replacing(file) as temporary:
        passages_of(angles).write_parquet(temporary)


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
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))
    store(settings, source, {"a": 0.0})
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))
    build_corpus_index(settings, "c", compass)
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))  # units may still be of another state
    commit_state(settings, "c")
    assert is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))
    # Another file of the same size, older than the index: what a corpus added with --replace may be.
    other = tmp_path / "other.jsonl"
    other.write_text("two", encoding="utf-8")
    os.utime(other, (1, 1))
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", other)))
    source.write_text("changed", encoding="utf-8")
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))


def test_a_state_of_an_earlier_version_is_searched_and_the_next_refresh_makes_it_anew(
    settings: Settings, source: Path, compass: CompassEncoder
) -> None:
    store(settings, source, {"a": 0.0, "b": 90.0})  # in the row groups that earlier versions wrote
    build_corpus_index(settings, "c", compass)
    commit_state(settings, "c")
    state, fingerprint = current_state(settings, "c"), source_fingerprint(Corpus("c", source))
    assert state is not None and is_in_step(settings, "c", fingerprint)
    as_format_2(state.folder, ["a", "b"], [[], []])
    base = open_knowledge_base(settings, "c", compass, for_training=True)
    hits = base.search(["0"], 1)
    assert base.hits_with_text(hits)["text"].to_list() == ["0.0"]
    assert not is_in_step(settings, "c", fingerprint)
    tables.PASSAGES.store(passages_of({"a": 0.0, "b": 90.0}), settings, "c")
    assert build_corpus_index(settings, "c", compass)[1] == 0  # nothing is encoded again
    commit_state(settings, "c")
    now = current_state(settings, "c")
    assert now is not None and now.name != state.name and is_in_step(settings, "c", fingerprint)
    after = open_knowledge_base(settings, "c", compass)
    assert after.hits_with_text(after.search(["0"], 1)).equals(base.hits_with_text(hits))


def test_a_folder_is_fresh_until_one_of_its_files_changes(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("a", encoding="utf-8")
    before = source_fingerprint(Corpus("c", folder))
    assert source_fingerprint(Corpus("c", folder)) == before
    (folder / "b.md").write_text("b", encoding="utf-8")
    assert source_fingerprint(Corpus("c", folder)) != before


def test_a_table_that_the_index_was_not_made_from_is_refused(
    settings: Settings, source: Path, compass: CompassEncoder
) -> None:
    with pytest.raises(NotBuiltError):
        open_knowledge_base(settings, "c", compass)
    store(settings, source, {"a": 0.0, "b": 90.0})
    build_corpus_index(settings, "c", compass)
    assert open_knowledge_base(settings, "c", compass).search(["0"], 1)["passage_id"].to_list() == ["a"]
    # Killed between the two assets: the same ids, other texts. What is served is what was; training is refused.
    store(settings, source, {"a": 90.0, "b": 0.0})
    assert open_knowledge_base(settings, "c", compass).search(["0"], 1)["passage_id"].to_list() == ["a"]
    with pytest.raises(IntegrityError, match="--refresh"):
        open_knowledge_base(settings, "c", compass, for_training=True)
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))
    build_corpus_index(settings, "c", compass)
    served = open_knowledge_base(settings, "c", compass, for_training=True)
    assert served.search(["0"], 1)["passage_id"].to_list() == ["b"]


@pytest.mark.parametrize(
    "name", ["index.faiss", "ids.arrow", "manifest.json", "origin.json", "passages.parquet", "../current.json"]
)
def test_damage_says_how_to_repair_it_and_is_repaired(
    settings: Settings, source: Path, compass: CompassEncoder, name: str
) -> None:
    store(settings, source, {"a": 0.0})
    build_corpus_index(settings, "c", compass)
    state = current_state(settings, "c")
    assert state is not None
    with replacing(state.folder / name) as damaged:  # a new file: the table has two names
        damaged.write_bytes(b"x")
    with pytest.raises(IntegrityError, match="--refresh"):
        open_knowledge_base(settings, "c", compass)
    build_corpus_index(settings, "c", compass)
    assert len(open_knowledge_base(settings, "c", compass).search(["0"], 1)) == 1


def test_a_reader_keeps_what_it_opened_while_the_next_state_is_made(
    settings: Settings, source: Path, compass: CompassEncoder
) -> None:
    store(settings, source, {"a": 0.0, "b": 90.0})
    build_corpus_index(settings, "c", compass)
    commit_state(settings, "c")
    opened = open_knowledge_base(settings, "c", compass)
    store(settings, source, {"b": 90.0})
    build_corpus_index(settings, "c", compass)
    commit_state(settings, "c")
    hits = opened.search(["0"], 2)
    assert opened.hits_with_text(hits)["text"].to_list() == ["0.0", "90.0"]
    assert open_knowledge_base(settings, "c", compass).search(["0"], 2)["passage_id"].to_list() == ["b"]


def test_the_state_before_stays_until_the_units_are_in_step(
    settings: Settings, source: Path, compass: CompassEncoder
) -> None:
    def folders() -> set[str]:
        return {path.name for path in settings.corpus_index("c").iterdir() if path.is_dir()}

    names = []
    for angle in (0.0, 10.0, 20.0):
        store(settings, source, {"a": angle})
        build_corpus_index(settings, "c", compass)
        state = current_state(settings, "c")
        assert state is not None
        names.append(state.name)
    assert committed_state(settings, "c") is None and folders() == set(names)
    commit_state(settings, "c")
    assert folders() == {names[-1]}
    store(settings, source, {"a": 30.0})
    build_corpus_index(settings, "c", compass)
    committed = committed_state(settings, "c")
    assert committed is not None and committed.name == names[-1]
    commit_state(settings, "c")
    assert names[-1] in folders() and len(folders()) == 2


def test_a_note_of_another_table_is_not_believed(settings: Settings, source: Path, compass: CompassEncoder) -> None:
    store(settings, source, {"a": 0.0})
    # Killed after the note and before the table it speaks of.
    source.write_text("changed", encoding="utf-8")
    note_source(settings, "c", source_fingerprint(Corpus("c", source)), passages_of({"a": 5.0}))
    build_corpus_index(settings, "c", compass)
    commit_state(settings, "c")
    assert not is_in_step(settings, "c", source_fingerprint(Corpus("c", source)))


def test_only_what_is_new_is_encoded(settings: Settings, source: Path, compass: CompassEncoder) -> None:
    store(settings, source, {"a": 0.0, "b": 90.0})
    assert build_corpus_index(settings, "c", compass)[1] == 2
    assert build_corpus_index(settings, "c", compass)[1] == 0
    store(settings, source, {"new": 45.0, "b": 90.0, "a": 0.0})
    assert build_corpus_index(settings, "c", compass)[1] == 1
    assert compass.encoded == ["0.0", "90.0", "45.0"]


def test_a_table_cut_short_is_an_error_that_names_it(settings: Settings, source: Path) -> None:
    store(settings, source, {"a": 0.0})
    file = settings.table("passages", "c")
    file.write_bytes(file.read_bytes()[:-20])
    for read in (tables.PASSAGES.read, tables.PASSAGES.scan):
        with pytest.raises(IntegrityError, match=r"c\.parquet"):
            read(file)


def test_the_same_file_with_other_columns_named_or_cut_otherwise_is_another_source(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "a", "body": "b"}\n', encoding="utf-8")
    plain = Corpus("c", tmp_path / "c.jsonl")
    mapped = replace(plain, columns=ColumnMap.parse("text=body", PASSAGE_NAMES))
    assert len({source_fingerprint(corpus) for corpus in (plain, mapped, replace(plain, split=100))}) == 3
