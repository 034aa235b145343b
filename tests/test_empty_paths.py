"""A path of no characters, as an unset shell variable gives one, is refused wherever a path is taken."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from typer.testing import CliRunner

from wbrag_pipeline.api import add_benchmark, add_corpus
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.options import given_path
from wbrag_pipeline.errors import InputError


def parameters(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every parameter of every command, with the words that call the command."""
    for parameter in command.params:
        yield words, parameter
    for name, below in getattr(command, "commands", {}).items():
        yield from parameters(below, (*words, name))


PATHS = {
    (" ".join(words), parameter.name): parameter.type_descriptor.parameter_info.parser
    for words, parameter in parameters(typer.main.get_command(app))
    if hasattr(parameter, "type_descriptor") and Path in (kind := parameter.type_descriptor.annotation, *get_args(kind))
}


def test_every_parameter_that_is_a_path_refuses_an_empty_one() -> None:
    assert {name: parser for name, parser in PATHS.items() if parser is not given_path} == {}
    for known in (("add corpus", "path"), ("add log", "look_into"), ("export", "out"), ("status", "json")):
        assert known in PATHS
    assert all((words, "home") in PATHS for words in ("run", "ask", "serve", "release show"))


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize(
    "command",
    [
        ("add", "corpus", "x"),
        ("add", "log", "x", "--corpus", "sample"),
        ("add", "benchmark", "x", "--corpus", "sample", "--test", "t.csv", "--train"),
        ("export", "sample_nq", "--format", "jsonl", "--out"),
        ("status", "--home"),
        ("status", "--json"),
    ],
)
def test_an_empty_path_is_refused_and_nothing_is_stored(
    wbrag_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], empty: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "notes.md").write_text("# Notes\n\nThese were never meant.\n")
    monkeypatch.chdir(here)
    done = CliRunner().invoke(app, [*command, empty])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is empty" in " ".join(done.stderr.split())
    assert not (wbrag_home / "corpora").exists() and [file.name for file in here.iterdir()] == ["notes.md"]


def test_the_present_folder_can_still_be_named(
    wbrag_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n\nThese are meant.\n")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["add", "corpus", "x", "."]).exit_code == 0


def test_the_python_api_refuses_an_empty_path_too(wbrag_home: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        add_corpus("x", "")
    for given in ({"train": "", "test": "t.csv"}, {"train": "t.csv", "test": " "}):
        with pytest.raises(InputError, match="is empty"), contextlib.chdir(wbrag_home.parent):
            add_benchmark("x", corpus="sample", **given)


def test_a_log_is_not_added_where_its_bad_answers_cannot_be_written(wbrag_home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("question,answer,feedback\nWho?,Anna,up\n")
    command = ["add", "log", "x", str(log), "--corpus", "sample", "--look-into", str(tmp_path)]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError) and done.exception.field == "--look-into"
    assert not (wbrag_home / "benchmarks" / "x.yaml").exists()


def test_a_present_folder_that_is_gone_is_told(wbrag_home: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir {shlex.quote(str(gone))} && exec {shlex.quote(sys.executable)} -m wbrag_pipeline.cli status"
    there = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(["sh", "-c", command], cwd=gone, env=there, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == "error: the folder that you are in is gone (go to another one)"
