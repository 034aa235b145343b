"""A folder is read as if all of it were read, and only what changed is opened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.refresh.test_incremental import WordEncoder
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.documents import folder_reading, text_folder
from wbrag_pipeline.datasets.documents.folder_reading import DOCUMENTS, DocumentRecord
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.refresh.corpus_stages import read_passages, refresh_corpus
from wbrag_pipeline.settings import Settings

NAMES = ("a.md", "b.txt", "hr/a.md", "hr/pay/c.md", "z.html", "né.txt", "scan.txt")
TEXTS = ("", "# Gates\n\nThe gate is red.", "The gate is\x07 blue.", "---\nlabels: [it]\n---\nThe gate is green.")
EDITS = st.lists(
    st.tuples(st.sampled_from((*NAMES, ".labels", "hr/.labels")), st.sampled_from((*TEXTS, "finance\n", None))),
    max_size=4,
)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as old enough at once."""
    monkeypatch.setattr(folder_reading, "_TOO_RECENT", -(10**15))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the documents that are read."""
    names: list[str] = []
    read = text_folder._read

    def noted(file: Path, kind: object) -> object:
        names.append(file.name)
        return read(file, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(text_folder, "_read", noted)
    yield names


def edit(folder: Path, edits: list[tuple[str, str | None]]) -> None:
    for name, text in edits:
        file = folder / name
        if text is None:
            file.unlink(missing_ok=True)
        elif not file.name.startswith(".") or text == "finance\n":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=EDITS, later=st.lists(EDITS, min_size=1, max_size=3))
def test_it_is_what_reading_all_of_it_gives(
    tmp_path: Path, first: list[tuple[str, str | None]], later: list[list[tuple[str, str | None]]]
) -> None:
    shutil.rmtree(folder := tmp_path / "docs", ignore_errors=True)
    edit(folder, [("always.txt", "Always there."), *((name, TEXTS[1]) for name in NAMES), *first])
    record = DocumentRecord()
    passages = read_corpus(folder, documents=record)
    for edits in later:
        edit(folder, edits)
        record, whole, now = DocumentRecord(record.now, passages.lazy()), BadDocuments(), BadDocuments()
        passages = read_corpus(folder, now, documents=record)
        assert passages.equals(read_corpus(folder, whole))
        assert (now.controls, list(now.lines())) == (whole.controls, list(whole.lines()))


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    edit(tmp_path / "docs", [(f"{name}.txt", f"The gate of {name} is red.") for name in ("Aldermoor", "Corvane")])
    add_corpus(tmp_path / "home", "towns", tmp_path / "docs")
    return Settings(home=tmp_path / "home", encoder="words")


def refresh(settings: Settings) -> pl.DataFrame:
    refresh_corpus(settings, Registry.load(settings.home), "towns", WordEncoder(), run="r", allow_deletions=True)
    return tables.PASSAGES.load(settings, "towns")


def test_a_refresh_opens_what_changed(home: Settings, opened: list[str], tmp_path: Path) -> None:
    refresh(home)
    opened.clear()
    edit(tmp_path / "docs", [("Corvane.txt", "The gate of Corvane is blue."), ("New.txt", "A new gate.")])
    found = refresh(home)
    assert sorted(opened) == ["Corvane.txt", "New.txt"]
    assert sorted(found["text"]) == ["A new gate.", "The gate of Aldermoor is red.", "The gate of Corvane is blue."]
    bad = BadDocuments()
    read_passages(home, Registry.load(home.home), "towns", bad)
    assert bad.unchanged == 3


def test_a_file_that_was_changed_just_before_is_opened_again(
    home: Settings, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_reading, "_TOO_RECENT", 10**15)
    refresh(home)
    opened.clear()
    refresh(home)
    assert sorted(opened) == ["Aldermoor.txt", "Corvane.txt"]


@pytest.mark.parametrize("lost", ["passages", "documents", "note"])
def test_without_what_was_read_all_is_opened(home: Settings, opened: list[str], lost: str) -> None:
    """As after a kill between two of its writes: what is noted is of other tables."""
    before = refresh(home)
    if lost == "note":
        home.layout.source_note("towns").unlink()
    elif lost == "passages":
        tables.PASSAGES.store(before.with_columns(labels=pl.lit(["hr"], pl.List(pl.String))), home, "towns")
    else:
        changed = DOCUMENTS.load(home, "towns").with_columns(controls=pl.lit(7, pl.UInt32))
        DOCUMENTS.store(changed, home, "towns")
    opened.clear()
    assert refresh(home).equals(before)
    assert sorted(opened) == ["Aldermoor.txt", "Corvane.txt"]


def test_what_reads_them_counts(home: Settings, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    refresh(home)
    opened.clear()
    monkeypatch.setattr(folder_reading, "version", lambda package: "0.0")
    refresh(home)
    assert len(opened) == 2


def test_a_corpus_that_is_a_file_now_keeps_no_documents(home: Settings, tmp_path: Path) -> None:
    refresh(home)
    assert home.table("documents", "towns").is_file()
    file = tmp_path / "towns.jsonl"
    file.write_text(json.dumps({"id": "1", "text": "The gate of Aldermoor is red."}) + "\n")
    add_corpus(home.home, "towns", file, replace=True)
    refresh(home)
    assert not home.table("documents", "towns").exists()


def test_a_forgotten_document_is_not_named(home: Settings, opened: list[str]) -> None:
    refresh(home)
    forget(home, "source", ["Aldermoor.txt"])
    assert DOCUMENTS.load(home, "towns")["source"].to_list() == ["Corvane.txt"]
    opened.clear()
    assert refresh(home)["source"].to_list() == ["Corvane.txt"]
    assert "Aldermoor.txt" in opened  # it still lies in the folder, and the stored passages are not all of it
