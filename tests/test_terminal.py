"""No text from outside steers the terminal that it is shown at: escape sequences, direction marks and the like."""

from __future__ import annotations

import json
import logging
import sys
import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from typer.testing import CliRunner

from tests.lineage.test_lineage import gated, record_units, units
from tests.pipeline.conftest import write_tiny
from wbrag_pipeline import cli
from wbrag_pipeline.commands import console
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.lineage import Lineage
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.terminal import on_one_line, printable

# What a terminal acts on, hides or turns round: colours, a link, the window's title, C1, going back, directions.
HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://example.org\x07link\x1b]8;;\x07",
    "\x1b]0;title\x1b\\",
    "\x9b2J\x90q\x9c",
    "over\rwritten",
    "back\b\b\b\bgone\x7f",
    "\u202etxt.exe\u202c \u2066inner\u2069 \u200f\u061c",
    "\x00\x07\x0b\x0c\x1f\x85\u2028\u2029\ufeff\u200b",
    "lone \ud800 half",
]
ALL = "".join(HOSTILE)


def steers(text: str) -> str:
    """The characters of a text that are no text."""
    return "".join(c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp"))


@given(st.text() | st.text(alphabet=st.sampled_from(ALL + "ab \n\t")))
def test_nothing_that_is_printed_steers_the_terminal(text: str) -> None:
    shown = printable(text)
    assert not steers(shown.replace("\u200c", "").replace("\u200d", ""))
    assert printable(shown) == shown
    assert len(on_one_line(text).splitlines()) <= 1


def test_every_character_that_does_not_print_is_written_out_and_no_other() -> None:
    kept = {"\n", "\t", "\u200c", "\u200d"}
    changed = {c for c in map(chr, range(sys.maxunicode + 1)) if printable(c) != c}
    assert changed == {c for c in map(chr, range(sys.maxunicode + 1)) if steers(c)} - kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202e", r"\u202e"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("Zürich\t日本語\u3000 می\u200cخواهم 👩\u200d🔬\n", "Zürich\t日本語\u3000 می\u200cخواهم 👩\u200d🔬\n"),
    ],
)
def test_what_is_text_stays_and_the_rest_can_be_read(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_error_is_safe_wherever_it_is_shown() -> None:
    assert not steers(str(InputError(ALL, file=ALL, field=ALL, hint=ALL)))
    assert not steers(f"{InputError(ALL)}")


def test_a_table_shows_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(ALL, "[bold]head[/bold]", title=f"[red]{ALL}")
    table.add_row(ALL, "[link=https://example.org]x[/link] :smile:")
    console.wide_console().print(table, f"[red]{ALL}[/red]")
    shown = capsys.readouterr().out
    assert not steers(shown)
    assert all(text in shown for text in ("[bold]head", "[link=https://example.org]x[/link] :smile:", r"\x1b[31mred"))


def test_log_lines_warnings_and_tracebacks_are_printed_in_the_same_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logging.getLogRecordFactory()
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    try:
        console.speak_plainly()
        record = logging.getLogger("x").makeRecord("x", logging.WARNING, "f", 1, "%s " + ALL, (ALL,), None)
        assert not steers(logging.Formatter().format(record))
        assert not steers(warnings.formatwarning(ALL, UserWarning, "f", 1, "line"))
        sys.excepthook(ValueError, ValueError(ALL), None)
        assert not steers(shown := capsys.readouterr().err) and r"ValueError: \x1b[31mred" in shown
    finally:
        logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "corpus", "c", f"/no/such/{ALL[:-9].replace(chr(0), '')}"],
        ["add", "corpus", "\x1b[31mname", "x"],
        ["run", "\x1b[31m\u202enope"],
        ["run", "\x1b[31m\u202enope", "--debug"],
        ["lineage", "\x1b[31m\u202enope"],
        ["forget", "passage", "\x1b[31m\u202enope"],
    ],
)
def test_errors_are_printed_in_the_same_way(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logging.getLogRecordFactory()
    monkeypatch.setattr(sys, "argv", ["wbrag", *arguments])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    try:
        with pytest.raises((SystemExit, InputError)) as caught:
            cli.main()
        if isinstance(caught.value, InputError):
            sys.excepthook(type(caught.value), caught.value, caught.value.__traceback__)
    finally:
        logging.setLogRecordFactory(before)
    shown = capsys.readouterr().err
    assert shown and not steers(shown)
    if not isinstance(caught.value, InputError):
        assert [line for line in shown.splitlines() if not line.startswith("  ")] == [shown.splitlines()[0]]


def test_an_error_of_several_lines_cannot_look_like_several_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    console.say_error("no passage 'x'\nok    registry   all is well")
    assert capsys.readouterr().err == "error: no passage 'x'\n  ok    registry   all is well\n"


def test_ids_that_are_close_to_one_are_printed_in_the_same_way(wbrag_home: Path) -> None:
    lineage = Lineage(Settings(home=wbrag_home).layout.lineage)
    question, passage = "q\n\x1b[31mone", "p_\x1b]8;;x\x07\u202eone"
    record_units(lineage, units(("u_1", question, [passage])), gated(question, passage))
    for asked in ("q\n\x1b[31mon", "p_\x1b]8;;x\x07\u202eon", "u_2"):
        with pytest.raises(InputError, match="close ones") as caught:
            lineage.trace(asked)
        assert not steers(str(caught.value)) and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was trained on passages whose titles and texts hold everything hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile = ALL.replace("\ud800", "").replace("\x00", "")
    with pytest.MonkeyPatch.context() as patch:
        # A corpus that was stored before control characters were taken out of it, or refused.
        patch.setattr("wbrag_pipeline.datasets.corpora.without_controls", lambda text: (text, 0))
        patch.setattr("wbrag_pipeline.datasets.files.records.wrong_conversion", lambda text: None)
        patch.setenv("WBRAG_HOME", str(folder / "home"))
        patch.setenv("DAGSTER_HOME", str(folder / "home" / "dagster"))
        (folder / "home" / "dagster").mkdir(parents=True)
        settings = Settings.from_environment()
        corpus, train, test = write_tiny(folder / "files")
        rows = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            title, _, text = row.pop("contents").partition("\n")
            row |= {"title": hostile + title.strip('"'), "text": f"{text} {hostile}"}
        corpus.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        add_corpus(settings.home, "towns", corpus)
        add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
        run_pipeline(settings, ["towns"])
    return folder / "home"


def test_commands_over_hostile_passages_print_nothing_that_steers(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(trained))
    monkeypatch.setenv("DAGSTER_HOME", str(trained / "dagster"))
    import polars as pl

    settings = Settings.from_environment()
    unit = pl.read_parquet(settings.table("knowledge_units", "towns"))["unit_id"][0]
    passage = pl.read_parquet(settings.table("passages", "towns"))["passage_id"][0]
    for arguments in (
        ["ask", "Who founded Eskmere?", "-b", "towns"],
        ["lineage", unit],
        ["lineage", passage],
        ["lineage", "u_nope"],
        ["status"],
        ["cost"],
        ["release", "list", "towns"],
        ["release", "show", "towns"],
        ["release", "diff", "towns", "r000001", "r000001"],
        ["refresh", "--dry-run"],
        ["forget", "passage", passage],
    ):
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0 or isinstance(done.exception, InputError), (arguments, done.output)
        assert not steers(done.output), arguments
        assert done.output or done.exception
    assert r"\x1b[31mred" in CliRunner().invoke(cli.app, ["ask", "Who founded Eskmere?", "-b", "towns"]).output
