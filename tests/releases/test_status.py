"""``wbrag status`` and ``release list``: what is served, whose the scores are, and nothing cut on a narrow terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.publishing.conftest import Releases
from tests.rows import rows_of
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.releases.store import promote, rollback

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def releases(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """Two releases, of which the second is served and was evaluated."""
    made = Releases(wbrag_home)
    monkeypatch.setenv("WBRAG_ENCODER", made.encoder.name)
    made.release({"one": "The first unit."})
    made.release({"one": "The first unit.", "two": "The second."})
    scored = {
        "question_id": "q", "question": "?", "golden_answers": ["a"], "answer_without": "b", "answer_with": "a",
        "score_without": 0.0, "score_with": 1.0, "status_without": "scored", "status_with": "scored",
        "passages_without": [], "passages_with": [],
    }  # fmt: skip
    tables.EVALUATION.store(rows_of(tables.EVALUATION, [scored]), made.settings, "b")
    return made


def wbrag(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return _COLOURS.sub("", done.output)


def test_after_a_rollback_status_says_so_and_whose_the_scores_are(releases: Releases) -> None:
    assert "r000002" in wbrag("status") and "b: " not in wbrag("status")
    folder = releases.settings.releases("b")
    rollback(folder, actor="ann", reason="wrong\nhours")
    told = wbrag("status")
    assert "b: r000002 was rolled back from (wrong hours); r000001 is served" in told
    assert "b: without, with and gain are those of r000002, which was evaluated last" in told
    assert "held back" not in told
    promote(folder, "r000002", actor="ann", reason="right after all")
    assert "b: " not in wbrag("status")


def test_a_release_that_was_never_promoted_is_held_back(releases: Releases) -> None:
    releases.release({"three": "The third."}, serve=False)
    assert "b: r000003 is held back (it was not promoted); r000002 is served" in wbrag("status")


def test_a_home_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    assert f"home {tmp_path / 'typo'} (not there yet)\n" in wbrag("status", "--home", str(tmp_path / "typo"))


@pytest.mark.parametrize("command", [("status",), ("release", "list", "b")])
def test_nothing_is_cut_off_at_60_characters(
    releases: Releases, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes it a terminal for rich
    monkeypatch.setenv("COLUMNS", "60")
    lines = wbrag(*command).splitlines()
    assert not [line for line in lines if "…" in line]
    assert any("r000002" in line for line in lines)
    if command == ("status",):
        (row,) = (line for line in lines if line.startswith("b "))
        assert row.split()[-5:] == ["r000002", "2", "0.0", "100.0", "+100.0"]
        assert any(line.startswith("sample_hotpotqa ") for line in lines)
