"""``wbrag add questions``: from a corpus alone to a trained benchmark, and how it is forgotten and removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.asking_model import asking_model
from tests.pipeline.conftest import write_tiny
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_corpus
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation import engines
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.generation.reader.reader import Reader
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.settings import Settings

MODEL = "transformers:scripted"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the corpus ``towns``, and a scripted model under the name MODEL."""
    monkeypatch.setenv("WBRAG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WBRAG_TOP_K", "3")
    model = asking_model()

    def load(name: str, *_: object) -> Generator:
        return model if name == MODEL else Reader()

    monkeypatch.setattr(engines, "load_generator", load)
    corpus, _, _ = write_tiny(tmp_path / "files")
    add_corpus(tmp_path / "home", "towns", corpus)
    return tmp_path / "files"


def wbrag(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_corpus_without_a_log_is_trained_on_questions_that_a_model_wrote(
    files: Path, load_definitions: Callable[[], Any]
) -> None:
    test = files / "test.jsonl"
    shared = '{"id": "s", "question": "who founded  Aldermoor", "golden_answers": ["Tessa Quill"]}\n'
    test.write_text(test.read_text() + shared)
    said = wbrag(
        "add",
        "questions",
        "asked",
        "--corpus",
        "towns",
        "--passages",
        "50",
        "--each",
        "2",
        "--test",
        str(test),
        "--generator",
        MODEL,
    )
    assert "18 passages asked about" in said and "dropped: 12 times it speaks of its passage" in said
    assert "Who founded" in said and "they are test questions too" in said
    settings = Settings.from_environment()
    entry = Registry.load(settings.home).benchmark("asked")
    assert entry.train == settings.layout.questions("asked").resolve()
    assert "train: ../questions/asked.parquet" in (settings.home / "benchmarks" / "asked.yaml").read_text()
    assert entry.answers == "synthetic" and "questions-2" in entry.source and MODEL in entry.source
    train = Registry.load(settings.home).splits("asked").train
    assert set(train["label"]) == {tables.SYNTHETIC}
    assert "Who founded Aldermoor?" not in train["question"].to_list()  # a test question asks the same

    load_definitions()  # this process knows the partitions of the time before
    wbrag("run", "asked")
    release = current(settings.releases("asked"))
    assert release.made["training_answers"] == "synthetic"
    asked = tables.QUESTIONS.load(settings, "asked")
    assert asked.filter(split="validation").is_empty() and set(asked.filter(split="test")["label"]) == {tables.GOLD}
    status = wbrag("status")
    assert f"asked: trains on {train.height} synthetic questions" in status.replace("\n", " ")
    report = settings.report("asked").read_text()
    assert "that are synthetic: a language model wrote them" in report


def test_forgetting_a_passage_takes_the_questions_that_were_written_from_it(
    files: Path, load_definitions: Callable[[], Any]
) -> None:
    wbrag("add", "questions", "asked", "--corpus", "towns", "--each", "2", "--generator", MODEL)
    settings = Settings.from_environment()
    stored = settings.layout.questions("asked")
    before = pl.read_parquet(stored)
    load_definitions()  # this process knows the partitions of the time before
    wbrag("run", "asked")
    (passage,) = before.filter(pl.col("question") == "Who founded Corvane?")["passage_id"]
    wbrag("forget", "passage", passage, "--json", str(files / "certificate.json"))
    left = pl.read_parquet(stored)
    assert left.height < before.height and not left["question"].str.contains("Corvane").any()
    asked = tables.QUESTIONS.load(settings, "asked")
    assert asked.height == left.height and not asked["question"].str.contains("Corvane").any()
    assert str(stored) not in (files / "certificate.json").read_text()  # it is not the user's own file
    # A log may still ask this: nobody forgot a question.
    assert not Registry.load(settings.home).forgotten.questions


def test_removing_the_benchmark_removes_its_questions(files: Path) -> None:
    wbrag("add", "questions", "asked", "--corpus", "towns", "--each", "2", "--generator", MODEL)
    settings = Settings.from_environment()
    assert settings.layout.questions("asked").is_file()
    wbrag("remove", "benchmark", "asked", "--yes")
    assert not settings.layout.questions("asked").exists()
    assert "asked" not in Registry.load(settings.home).benchmarks


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--generator", "reader"], "cannot write questions"),
        (["--generator", MODEL, "--corpus", "nowhere"], "there is no corpus"),
        (["--generator", MODEL, "--test", "missing.jsonl"], "missing.jsonl"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_asked(files: Path, more: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        wbrag("add", "questions", "asked", "--corpus", "towns", *more)
    home = Settings.from_environment().home
    assert not (home / "benchmarks").exists() and not (home / "questions").exists()


def test_where_no_question_is_left_nothing_is_registered(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = asking_model(
        knows=frozenset(
            {
                "Tessa Quill, Odo Marsh, Vell, Ister, Ume, Orme, Lune, Teal, Lena Thorne, "
                "Piers Amber, Mira Stone, Jon Hale"
            }
        )
    )
    monkeypatch.setattr(engines, "load_generator", lambda *_: model)
    with pytest.raises(InputError, match="no question is left to train on"):
        wbrag("add", "questions", "asked", "--corpus", "towns", "--each", "2", "--generator", MODEL)
    home = Settings.from_environment().home
    assert not (home / "benchmarks").exists() and not (home / "questions").exists()
