"""What forgetting cleans and searches in a home: every script, copy and way into a folder; the rest it names."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.forgetting.conftest import Written, values_of
from tests.forgetting.test_phrases import SCRIPTS
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.errors import IntegrityError, WbragError
from wbrag_pipeline.evaluation.formatting import markdown_table
from wbrag_pipeline.forgetting import forget as forgetting
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.home import Home
from wbrag_pipeline.retrieval.index_ids import IndexIds
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

SECRET = "Anna O'Neill was paid seventeen thousand euros in cash on the third of May."
STAYS = "What stays is here, and nobody minds that."


def with_a_secret(written: Written, **row: Any) -> None:
    written.corpus("c", [{"id": "1", "text": SECRET, **row}, {"id": "2", "text": STAYS}])


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_cut_preview_of_any_script_goes_from_dagsters_database(written: Written, script: str) -> None:
    text = SCRIPTS[script]
    written.corpus("c", [{"id": "1", "text": text}, {"id": "2", "text": STAYS}])
    shown = markdown_table(["id", "text"], [["1", text], ["2", STAYS]], longest=24)
    event = json.dumps({"metadata": json.dumps({"preview": {"md_str": shown}})})
    pieces = ["fine", event, unicodedata.normalize("NFD", text[:20] + "…"), zlib.compress(f"fine\n{text}".encode())]
    database = written.dagster(*pieces)
    log = written.settings.home / "dagster" / "storage" / "compute.err"
    log.parent.mkdir()
    log.write_text(f"fine\n{text!a}\nfine\n", encoding="utf-8")
    forget(written.settings, "passage", ["1"])
    fine, event, preview, compressed = values_of(database)
    assert (fine, preview, compressed) == ("fine", "[forgotten]", b"[forgotten]")
    left = json.loads(json.loads(event)["metadata"])["preview"]["md_str"]
    assert text[:8] not in left and "| 2 | What stays is here" in left
    assert log.read_text(encoding="utf-8") == "fine\nfine\n"


def test_a_short_text_beside_a_long_title_is_found_alone(written: Written) -> None:
    written.corpus(
        "c", [{"id": "1", "title": "The board and what its members earn in a year", "text": "Anna earns most."}]
    )
    database = written.dagster("as I said: Anna earns most", "The board and what its members earn in a year", "Anna")
    forget(written.settings, "passage", ["1"])
    assert values_of(database) == ["[forgotten]", "[forgotten]", "Anna"]


def test_a_text_of_one_word_does_not_take_a_runs_state_with_it(written: Written) -> None:
    written.corpus("c", [{"id": "1", "text": "Success."}, {"id": "2", "text": STAYS}])
    database = written.dagster("SUCCESS", json.dumps({"status": "success"}))
    forget(written.settings, "passage", ["1"])
    assert set(written.stored("c")) == {"2"}
    assert values_of(database) == ["SUCCESS", json.dumps({"status": "success"})]


@pytest.mark.parametrize("kind", ["passage", "source"])
def test_a_copy_under_another_title_goes_from_every_table_and_corpus(written: Written, kind: Any) -> None:
    copied = SECRET.upper().replace(" ", "  ").replace(".", "!")
    written.corpus(
        "c",
        [
            {"id": "1", "title": "One", "source": "a.md", "text": SECRET},
            {"id": "2", "title": "Two", "source": "b.md", "text": copied},
            {"id": "3", "title": "Two", "source": "b.md", "text": STAYS},
        ],
    )
    written.corpus(
        "d", [{"id": "9", "title": "Nine", "text": unicodedata.normalize("NFD", SECRET)}, {"id": "8", "text": "Else."}]
    )
    aside = tables.PASSAGES.load(written.settings, "c").with_columns(title=pl.lit("An old state"))
    state = written.settings.home / "tables" / "passages" / "unregistered.parquet"
    aside.write_parquet(state)
    certificate = forget(written.settings, kind, ["1" if kind == "passage" else "a.md"], corpus="c")
    gone = {(row["corpus"], row["passage_id"]) for row in certificate.passages}
    assert gone == {("c", "1"), ("c", "2"), ("d", "9"), ("(not registered)", "1"), ("(not registered)", "2")}
    assert set(written.stored("c")) == {"3"} and set(written.stored("d")) == {"8"}
    assert pl.read_parquet(state)["passage_id"].to_list() == ["3"]
    assert set(written.read("c")["passage_id"]) == {"3"} and set(written.read("d")["passage_id"]) == {"8"}
    assert len(certificate.yours) == 2


def test_a_table_of_the_experiments_cache_goes_whole(written: Written) -> None:
    """It has no benchmark's name, and is right with all of its rows only."""
    with_a_secret(written)
    folder = written.settings.layout.experiments / "stages"
    answers = {"question_id": ["q1", "q2"], "answer": ["yes", "no"], "passages": [["corpus:1"], ["corpus:2"]]}
    kept = {"question_id": ["q2"], "answer": ["no"], "passages": [["corpus:2"]]}
    for name, rows in (("with", answers), ("without", kept)):
        (folder / "answers").mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows).write_parquet(folder / "answers" / f"{name}.parquet")
    forget(written.settings, "passage", ["1"])
    assert [file.stem for file in folder.rglob("*.parquet")] == ["without"]


@pytest.mark.parametrize("column", ["bytes", "nested", "category", "struct"])
def test_text_in_a_column_of_any_type_is_found(written: Written, column: str) -> None:
    with_a_secret(written)
    values = {
        "bytes": pl.Series("x", [SECRET.encode(), b"fine"]),
        "nested": pl.Series("x", [[["a", SECRET]], [["fine"]]]),
        "category": pl.Series("x", [SECRET, "fine"], dtype=pl.Categorical),
        "struct": pl.Series("x", [{"a": {"b": [SECRET]}}, {"a": {"b": ["fine"]}}]),
    }
    file = written.settings.home / "tables" / "other" / "c.parquet"
    file.parent.mkdir()
    values[column].to_frame().write_parquet(file)
    forget(written.settings, "passage", ["1"])
    assert pl.read_parquet(file).height == 1


# Ways into a folder.


def aside(path: Path, tmp_path: Path) -> Path:
    """Moves it out of the home and leaves a link; gives where it is."""
    target = tmp_path / "disk" / path.name
    target.parent.mkdir(exist_ok=True)
    shutil.move(path, target)
    path.symlink_to(target, target_is_directory=target.is_dir())
    return target


@pytest.mark.parametrize("linked", ["dagster", "dagster/history", "dagster/history/runs.db", "dagster/storage"])
def test_dagsters_folder_that_is_a_link_is_cleaned_and_searched(
    written: Written, tmp_path: Path, linked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_secret(written)
    home = written.settings.home
    written.dagster("fine", SECRET)
    (home / "dagster" / "storage").mkdir()
    (home / "dagster" / "storage" / "run.err").write_text(f"fine\n{SECRET}\n", encoding="utf-8")
    aside(home / linked, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "redact_sqlite", lambda file, phrases: 0)
        with pytest.raises(WbragError, match=r"hold traces: .*runs\.db: holds its words"):
            forget(written.settings, "passage", ["1"])
    forgetting.resume(written.settings)
    assert values_of(home / "dagster" / "history" / "runs.db") == ["fine", "[forgotten]"]
    assert (home / "dagster" / "storage" / "run.err").read_text(encoding="utf-8") == "fine\n"
    assert (home / linked).is_symlink()


@pytest.mark.parametrize("linked", ["tables", "tables/passages", "tables/passages/c.parquet", "reports", "cache"])
def test_any_folder_or_file_of_the_home_that_is_a_link_is_cleaned_where_it_lies(
    written: Written, tmp_path: Path, linked: str
) -> None:
    with_a_secret(written)
    home = written.settings.home
    for name in ("reports/v/c.txt", "cache/notes.log"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(f"fine\n{SECRET}\n", encoding="utf-8")
    target = aside(home / linked, tmp_path)
    certificate = forget(written.settings, "passage", ["1"])
    assert set(written.stored("c")) == {"2"}
    files = [target] if target.is_file() else [file for file in target.rglob("*") if file.is_file()]
    assert files and not any(SECRET.encode() in _read(file) for file in files)
    assert certificate.unread == () and (home / linked).is_symlink()


def _read(file: Path) -> bytes:
    return repr(pl.read_parquet(file).to_dicts()).encode() if file.suffix == ".parquet" else file.read_bytes()


def test_links_in_a_circle_are_followed_once(written: Written) -> None:
    with_a_secret(written)
    written.dagster(SECRET)
    dagster = written.settings.home / "dagster"
    (dagster / "again").symlink_to(dagster)
    (dagster / "home").symlink_to(written.settings.home)
    (dagster / "self").symlink_to(dagster / "self")
    certificate = forget(written.settings, "passage", ["1"])
    others = [path for path in certificate_files(written) if path.name != ".lock"]
    assert certificate.searched["files"] == len(others) + 1  # with the lock that forgetting held itself
    assert certificate.unread == (f"{dagster / 'self'}: a link to what is not there",)


def certificate_files(written: Written) -> list[Path]:
    home = written.settings.home
    return [
        path for path in home.rglob("*") if path.is_file() and "forgotten" not in path.parts and not path.is_symlink()
    ]


def test_what_is_not_searched_is_named(written: Written, tmp_path: Path) -> None:
    with_a_secret(written)
    home = written.settings.home
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.md").write_text(SECRET, encoding="utf-8")
    (home / "notes").symlink_to(tmp_path / "mine")  # no folder of the program's: it may be anything
    (home / "backup.tar.gz").write_bytes(gzip.compress(SECRET.encode()))
    (home / "dagster").mkdir()
    (home / "dagster" / "gone").symlink_to(tmp_path / "unmounted")
    (home / "dagster" / "own").symlink_to(tmp_path / "data" / "c.jsonl")
    (home / "dagster" / "dagster.yaml").write_text("run_storage:\n  module: dagster_postgres\n", encoding="utf-8")
    (home / "data.jsonl").write_text(json.dumps({"id": "1", "text": SECRET}) + "\n", encoding="utf-8")
    add_corpus(home, "inside", home / "data.jsonl")
    certificate = forget(written.settings, "passage", ["1"], corpus="c")
    assert {line.removeprefix(f"{home}/") for line in certificate.unread} == {
        "notes: a link, which is not followed here",
        "backup.tar.gz: compressed (gzip)",
        "dagster/gone: a link to what is not there",
        "dagster/own: leads to a file of your own, which the registry names",
        "dagster/dagster.yaml: Dagster's records may be where run_storage says",
        "data.jsonl: your own, named in the registry",
    }
    assert "Not searched, and may hold it still:" in certificate.lines()
    assert (tmp_path / "mine" / "notes.md").read_text(encoding="utf-8") == SECRET


def test_a_folder_that_cannot_be_read_is_a_trace(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    with_a_secret(written)
    written.dagster(SECRET)
    real = os.scandir

    def closed(path: Any) -> Any:
        if Path(path).name == "history":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(WbragError, match=r"history: cannot be read \(permission denied\)"):
        forget(written.settings, "passage", ["1"])


def test_a_corpus_whose_folder_is_around_the_home_hides_nothing(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.md").write_text("# A\n\n" + SECRET, encoding="utf-8")
    (tmp_path / "b.md").write_text("# B\n\n" + STAYS, encoding="utf-8")
    add_corpus(written.settings.home, "around", tmp_path)
    tables.PASSAGES.store(written.read("around"), written.settings, "around")
    database = written.dagster(SECRET)
    forget(written.settings, "source", ["a.md"])
    assert values_of(database) == ["[forgotten]"] and set(written.stored("around")) == {"b.md#1"}


# Where Dagster keeps its records.


def test_dagsters_folder_elsewhere_is_cleaned_also_by_a_command_that_is_not_told_of_it(
    written: Written, tmp_path: Path
) -> None:
    with_a_secret(written)
    other = tmp_path / "instance"
    database = written.dagster(SECRET, folder=other)
    written.settings.layout.note_dagster(other)
    written.settings.layout.note_dagster(other)
    written.settings.layout.note_dagster(written.settings.home / "dagster")
    assert written.settings.layout.dagster_elsewhere() == [other]
    forget(written.settings, "passage", ["1"])
    assert values_of(database) == ["[forgotten]"]
    shutil.rmtree(other)
    written.corpus("d", [{"id": "3", "text": "Another secret of seven words or eight."}])
    certificate = forget(written.settings, "passage", ["3"])
    assert certificate.unread == (f"{other}: Dagster's records of this home lay there, and it is gone",)


def test_a_damaged_note_of_dagsters_folders_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dagster-elsewhere.json").write_text("{", encoding="utf-8")
    with pytest.raises(IntegrityError, match="dagster-elsewhere"):
        Home(tmp_path).dagster_elsewhere()


# What comes back.


def test_a_typo_corrected_or_a_heading_changed_in_a_forgotten_source_brings_nothing_back(written: Written) -> None:
    folder = written.settings.home.parent / "docs"
    folder.mkdir()
    (folder / "a.md").write_text(f"# Salaries\n\n{SECRET} {STAYS}\n", encoding="utf-8")
    (folder / "b.md").write_text("# B\n\nSomething else.\n", encoding="utf-8")
    add_corpus(written.settings.home, "docs", folder)
    tables.PASSAGES.store(written.read("docs"), written.settings, "docs")
    certificate = forget(written.settings, "source", ["a.md"])
    assert "Nothing is read from the source 'a.md' of docs." in certificate.kept_out
    for edited in (f"# Wages\n\n{SECRET}", f"# Salaries\n\n{SECRET.replace('third', '3rd')}", "# New\n\nAll new."):
        (folder / "a.md").write_text(edited, encoding="utf-8")
        assert written.read("docs")["source"].to_list() == ["b.md"]
    (folder / "c.md").write_text(f"# Moved\n\n{SECRET} {STAYS}\n", encoding="utf-8")
    assert written.read("docs")["source"].to_list() == ["b.md"]


def test_a_heading_or_a_paragraph_before_a_forgotten_passage_brings_none_of_its_sentences_back(
    written: Written,
) -> None:
    folder = written.settings.home.parent / "docs"
    folder.mkdir()
    sentences = [f"This is sentence number {n} of the document and it has a dozen words." for n in range(30)]
    (folder / "a.md").write_text("# T\n\n" + " ".join(sentences), encoding="utf-8")
    add_corpus(written.settings.home, "docs", folder)
    before = written.read("docs")
    tables.PASSAGES.store(before, written.settings, "docs")
    assert before.height > 2
    gone, *stays = (before["text"][1], *before["text"][:1], *before["text"][2:])
    certificate = forget(written.settings, "passage", ["a.md#2"])
    for beginning in ("# New\n\n", "# T\n\nA paragraph of some words that moves all the borders.\n\n## More\n\n"):
        (folder / "a.md").write_text(beginning + " ".join(sentences), encoding="utf-8")
        text = " ".join(written.read("docs")["text"])
        for sentence in sentences:
            assert (sentence in text) == (sentence not in gone) == any(sentence in one for one in stays)
    assert any("sentences" in line for line in certificate.kept_out)


def test_a_question_comes_back_neither_reworded_in_case_and_marks_nor_under_another_number(written: Written) -> None:
    written.corpus("c", [{"id": "1", "text": STAYS}])
    asked = [{"question": "Wie heißt das Café?", "answer": "x"}, {"question": "Who stays?", "answer": "x"}]
    written.benchmark("b", "c", asked)
    certificate = forget(written.settings, "question", ["b_train_1"])
    assert any("not asked again" in line for line in certificate.kept_out)
    again = {"question": unicodedata.normalize("NFD", "WIE HEISST, DAS CAFÉ"), "answer": "x"}
    written.benchmark("b", "c", [{"question": "New on top?", "answer": "x"}, again, *asked])
    left = tables.QUESTIONS.load(written.settings, "b")["question"].to_list()
    assert left == ["New on top?", "Who stays?"]


def test_a_question_of_an_older_numbering_goes_and_the_one_that_has_its_number_now_stays(written: Written) -> None:
    written.corpus("c", [{"id": "1", "text": STAYS}])
    written.benchmark("b", "c", [{"question": "Who was it?", "answer": "x"}, {"question": "Who stays?", "answer": "x"}])
    old = tables.QUESTIONS.load(written.settings, "b")
    written.benchmark("b", "c", [{"question": n, "answer": "x"} for n in ("New on top?", "Who was it?", "Who stays?")])
    other = written.settings.with_(limit=7)
    tables.QUESTIONS.store(old, other, "b")
    with pytest.raises(WbragError, match=r"'b_train_2' is 'Who stays\?' in one table and 'Who was it\?' in another"):
        forget(written.settings, "question", ["b_train_2"])
    forget(written.settings, "question", ["b_train_3"])
    assert tables.QUESTIONS.load(written.settings, "b")["question"].to_list() == ["New on top?", "Who was it?"]
    assert tables.QUESTIONS.load(other, "b")["question"].to_list() == ["Who was it?"]


def test_the_certificate_tells_what_will_and_will_not_be_read_again(written: Written) -> None:
    with_a_secret(written)
    done = CliRunner().invoke(app, ["forget", "passage", "1"])
    assert done.exit_code == 0, done.output
    assert "Your own files, which are not changed and may hold it still:" in done.output
    assert "A sentence that was changed is new text and is read" in done.output
    assert SECRET not in done.output and "no trace" in done.output


def test_sqlites_free_pages_are_searched(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    with_a_secret(written)
    database = written.dagster("fine", SECRET)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("DELETE FROM events WHERE id = 2")
    connection.commit()
    connection.close()
    assert b"seventeen" in database.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "redact_sqlite", lambda file, phrases: 0)
        with pytest.raises(WbragError, match="holds its words"):
            forget(written.settings, "passage", ["1"])
    forgetting.resume(written.settings)
    assert b"seventeen" not in database.read_bytes()


def test_settings_of_a_home_that_is_itself_a_link(written: Written, tmp_path: Path) -> None:
    with_a_secret(written)
    (tmp_path / "way").symlink_to(written.settings.home, target_is_directory=True)
    settings = Settings(home=tmp_path / "way")
    written.dagster(SECRET)
    certificate = forget(settings, "passage", ["1"])
    assert [(row["corpus"], row["content_sha256"]) for row in certificate.passages] == [
        ("c", sha256_of_text("", SECRET))
    ]
    assert set(written.stored("c")) == {"2"}


def test_ids_of_an_index_that_lies_somewhere_else_are_a_trace(written: Written) -> None:
    with_a_secret(written)
    file = written.settings.table("passages", "c").with_name("ids.arrow")
    ids = pl.Series(["2", tables.PASSAGES.load(written.settings, "c")["text"][0]])
    IndexIds.of(ids, pl.Series([[], []], dtype=pl.List(pl.String))).write(file)
    with pytest.raises(WbragError, match=r"ids\.arrow: 1 rows"):
        forget(written.settings, "passage", ["1"])
