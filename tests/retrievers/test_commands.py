"""``wbrag`` over a retriever, from adding it to removing it: the Dagster graph runs as over any corpus."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.pipeline.conftest import write_tiny
from tests.retrievers import engine_of_ours
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import PassageHit
from wbrag_pipeline.retrievers.opened_base import open_base
from wbrag_pipeline.settings import Settings

# By this name, so that whoever imports it finds the module that the test changes.
ENTRY_POINT = "tests.retrievers.engine_of_ours:make"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = read_corpus(write_tiny(tmp_path / "data")[0]).select("text", "title", "passage_id").rows()
    monkeypatch.setattr(engine_of_ours, "PASSAGES", [PassageHit(*row) for row in rows])
    monkeypatch.setitem(sys.modules, "tests.retrievers.engine_of_ours", engine_of_ours)
    return tmp_path / "data"


def wbrag(*arguments: str) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done


def refused(*arguments: str) -> str:
    """Why, and all else that was said."""
    done = CliRunner().invoke(app, list(arguments))
    assert isinstance(done.exception, InputError)
    return f"{done.exception} {done.output}"


def add(data: Path) -> None:
    added = wbrag("add", "retriever", "engine", "--entry-point", ENTRY_POINT, "--question", "Who founded Aldermoor?")
    assert "engine: 5 passages on trial" in added.output
    files = ["--train", str(data / "train.jsonl"), "--test", str(data / "test.jsonl")]
    wbrag("add", "benchmark", "towns", "--corpus", "engine", *files)


@pytest.mark.slow
def test_a_retriever_is_added_trained_on_asked_refreshed_and_removed(data: Path, wbrag_home: Path) -> None:
    add(data)
    wbrag("cost", "--estimate", "towns", "--limit", "2")
    assert not list(wbrag_home.glob("tables/*"))
    wbrag("run", "towns")
    settings = Settings(home=wbrag_home)
    units = current(settings.releases("towns")).units()
    assert units.height and tables.EVALUATION.load(settings, "towns").height == 12
    assert ENTRY_POINT[:20] in wbrag("status").output
    assert "Tessa Quill" in wbrag("ask", "Who founded Aldermoor?", "-b", "towns").output

    assert "nothing was changed" in wbrag("refresh", "engine", "--dry-run").output
    source = units["source_passage_ids"][0][0]
    left = [
        replace(one, text="Nothing of it is known.") if one.id == source else one for one in engine_of_ours.PASSAGES
    ]
    engine_of_ours.PASSAGES[:] = left
    assert "1 updated" in wbrag("refresh", "engine", "--no-train").output
    gone = {unit for unit, of in units.select("unit_id", "source_passage_ids").rows() if of == [source]}
    assert not gone & set(current(settings.releases("towns")).units()["unit_id"])

    wbrag("remove", "benchmark", "towns", "--yes")
    wbrag("remove", "corpus", "engine", "--yes")
    assert not list(wbrag_home.glob("tables/*/**/*.parquet"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "either a url or an entry point"),
        (("--url", "http://127.0.0.1:9/retrieve", "--entry-point", "a:b"), "either a url or an entry point"),
        (("--url", "http://me:s3cret@127.0.0.1:9/"), "holds no password"),
        (("--url", "http://127.0.0.1:9/", "--token-env", "sk-s3cret"), "is no name of an environment variable"),
        (("--url", "http://127.0.0.1:9/", "--token-env", "s3cret"), "has no such variable"),
        (("--entry-point", "no_such_module_here:make"), "cannot be imported"),
        (("--entry-point", "pathlib:Path.cwd"), "is no retriever"),
    ],
)
def test_what_cannot_be_added_says_why_and_changes_nothing(
    options: tuple[str, ...], told: str, wbrag_home: Path
) -> None:
    said = refused("add", "retriever", "engine", *options)
    assert told in said and "s3cret" not in said
    assert not wbrag_home.exists()


def test_a_retriever_that_shows_nothing_is_refused(data: Path, wbrag_home: Path) -> None:
    engine_of_ours.PASSAGES.clear()
    engine_of_ours.PASSAGES.append(PassageHit("", "no text"))
    assert "without text" in refused("add", "retriever", "engine", "--entry-point", ENTRY_POINT)
    assert not wbrag_home.exists()


@pytest.mark.parametrize("search", ["bm25", "hybrid"])
def test_a_search_by_words_is_refused_over_a_retriever(data: Path, search: str) -> None:
    """Also where the setting comes from the environment, and before anything is asked or indexed."""
    add(data)
    for command in (["run", "towns"], ["refresh", "engine"], ["experiment", "rivals", "towns"]):
        done = CliRunner().invoke(app, command, env={"WBRAG_SEARCH": search})
        said = f"{done.exception} {done.output}"
        assert done.exit_code, command
        assert f"{search} searches an index of words" in said and "a retriever of yours" in said, command
    assert not list(Settings.from_environment().layout.corpus_index("engine", "x").parent.glob("*"))
    with pytest.raises(InputError, match="a retriever of yours"):
        open_base(Settings.from_environment(search=search), "engine", load_encoder())
