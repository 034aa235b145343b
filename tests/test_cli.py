"""The command line: help, exit codes, and messages that a person can act on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from wbrag_pipeline.cli import app
from wbrag_pipeline.generation.accounts.completions import CompletionCache
from wbrag_pipeline.generation.accounts.ledger import accounting
from wbrag_pipeline.generation.generator import INCIDENTS, Usage

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def wbrag(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wbrag_pipeline.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_commands_are_the_documented_ones() -> None:
    commands = (
        "add advise ask cost demo doctor experiment export forget judge lineage publish refresh release remove run"
        " serve status token"
    )
    assert [*commands.split(), "ui", "upgrade", "usage"] == COMMANDS
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"wbrag {command}" in readme, f"the README does not mention wbrag {command}"


GROUPS = {
    "add": ["corpus", "benchmark"],
    "experiment": ["all", "matrix", "transfer", "ablation", "oracle", "rivals", "labels", "splits", "report"],
    "remove": ["corpus", "benchmark"],
    "release": ["list", "show", "diff", "promote", "rollback", "push", "pull"],
}


@pytest.mark.parametrize(
    "command",
    [*([name] for name in COMMANDS), *([group, name] for group, names in GROUPS.items() for name in names)],
)
def test_every_help_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    if len(command) > 1 or command[0] not in GROUPS:
        assert f"Example: wbrag {' '.join(command)}" in " ".join(result.output.split())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, io\n"
        "from typer.testing import CliRunner\n"
        "from wbrag_pipeline.cli import app\n"
        "CliRunner().invoke(app, ['--help'])\n"
        "print([m for m in ('torch', 'dagster', 'faiss', 'polars', 'transformers', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "corpus", "c", "/no/such/file.jsonl"], "/no/such/file.jsonl"),
        (["add", "corpus", "bad/name", "x"], "name"),
        (["add", "benchmark", "b", "--corpus", "sample"], "--train and --test"),
        (["add", "benchmark", "b", "--corpus", "none", "--train", "x", "--test", "y"], "no corpus 'none'"),
        (["run", "nope"], "no benchmark 'nope'"),
        (["run", "sample_nq", "--tau-s", "7"], "tau_s"),
        (["run", "sample_nq", "--method", "none-such"], "no RAG method"),
        (["run", "sample_nq", "--generator", "none-such"], "none-such"),
        (["ask", "Who?"], "wbrag demo"),
        (["lineage", "u_x"], "wbrag run"),
        (["forget", "everything", "x"], "one of passage, source, unit, question"),
        (["forget", "passage"], "no id is given"),
        (["forget", "passage", "x"], "nothing of that kind is stored"),
        (["forget", "--resume"], "nothing was left unfinished"),
        (["ask", "Who?", "--label", "hr", "--unrestricted"], "exclude each other"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], said: str, wbrag_home: Path) -> None:
    done = wbrag(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(wbrag_home.rglob("*.yaml"))


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in wbrag("run", "nope", "--debug").stderr


def test_a_refused_corpus_changes_nothing_that_is_there(tmp_path: Path, wbrag_home: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
    assert wbrag("add", "corpus", "c", str(corpus)).returncode == 0
    before = {path: path.read_bytes() for path in wbrag_home.rglob("*") if path.is_file()}
    (tmp_path / "broken.jsonl").write_text('{"id": "1", "contents": "x"}\n{"id": \n', encoding="utf-8")
    done = wbrag("add", "corpus", "c", str(tmp_path / "broken.jsonl"), "--replace")
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert {path: path.read_bytes() for path in wbrag_home.rglob("*") if path.is_file()} == before


def test_version_stands_alone() -> None:
    done = wbrag("--version")
    assert done.returncode == 0 and done.stdout.startswith("wbrag ")


def test_a_home_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
    done = wbrag("add", "corpus", "c", str(corpus), WBRAG_HOME=str(tmp_path / "file"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def cells(table: str) -> list[list[str]]:
    """The cells of a printed table's rows, without its heading."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines() if line.startswith("│")]


def test_cost_says_what_went_another_way_than_asked(wbrag_home: Path) -> None:
    cache = CompletionCache(wbrag_home / "cache" / "completions.sqlite")
    for stage, spent in {
        "evaluation": Usage(calls=5),
        "gated_docs": Usage(calls=90, passages_dropped=1234),
        "knowledge_units": Usage(calls=20, units_extractive=9, units_repaired=1),
    }.items():
        with accounting(stage, run="r", partition="sample_nq"), cache.recording("vllm:m") as put:
            put({}, spent)
            put({}, spent)
    done = wbrag("cost", "sample_nq")
    assert done.returncode == 0, done.stderr
    calls, incidents = done.stdout.split("what went another way than asked")
    assert [row[:4] for row in cells(calls)] == [
        ["sample_nq", "evaluation", "vllm:m", "10"],
        ["sample_nq", "gated_docs", "vllm:m", "180"],
        ["sample_nq", "knowledge_units", "vllm:m", "40"],
    ]
    assert cells(incidents) == [
        ["sample_nq", stage, "vllm:m", count, figure, INCIDENTS[figure]]
        for stage, count, figure in (
            ("gated_docs", "2,468", "passages_dropped"),
            ("knowledge_units", "2", "units_repaired"),
            ("knowledge_units", "18", "units_extractive"),
        )
    ]


def test_cost_says_so_where_everything_went_as_asked(wbrag_home: Path) -> None:
    with CompletionCache(wbrag_home / "cache" / "completions.sqlite").recording("reader") as put:
        put({}, Usage(calls=1))
    assert "nothing was counted that went another way" in wbrag("cost").stdout
