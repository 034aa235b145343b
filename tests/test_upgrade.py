"""A home of another version is refused by name, and ``wbrag upgrade`` makes it usable without losing anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wbrag_pipeline import Settings, open_knowledge_base
from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.serving.live import LiveRetriever

# What the version before had, as far as a layout is told by it.
OLD = {
    "tables/knowledge_units/minilm~reader~naive/towns.parquet": "moved",
    "releases/minilm~reader~naive/towns/CURRENT": "moved",
    "indexes/towns/minilm/CURRENT": "moved",
    "reports/minilm~reader~naive/towns.html": "moved",
    "experiments/report.html": "moved",
    "indexes/embeddings/0a1b/vectors.npy": "stays",
    "cache/completions.sqlite": "stays",
    "lineage/events/x.units.parquet": "stays",
    "forgotten/tombstones.json": "stays",
    "corpora/towns.yaml": "stays",
}


@pytest.fixture
def old_home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    for name in OLD:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"old {name}")
    (home / "corpora/towns.yaml").write_text(f"path: {tmp_path}\n")
    (home / "forgotten/tombstones.json").write_text('{"passages": [], "questions": [], "evidence": []}')
    return home


def content(home: Path) -> dict[str, str]:
    return {str(file.relative_to(home)): file.read_text() for file in home.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    "command", [["status"], ["run", "sample_nq"], ["ask", "Who?"], ["release", "list", "sample_nq"]]
)
def test_every_command_refuses_it_and_says_what_to_do(
    old_home: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(old_home))
    before = content(old_home)
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, InputError)
    assert "made by an earlier version (layout 1" in str(result.exception) and "wbrag upgrade" in str(result.exception)
    assert content(old_home) == before


def test_python_refuses_it_too(old_home: Path) -> None:
    settings = Settings(home=old_home)
    with pytest.raises(InputError, match="wbrag upgrade"):
        open_knowledge_base("towns", settings)
    with pytest.raises(InputError, match="wbrag upgrade"):
        LiveRetriever(settings, "towns")


def test_upgrading_moves_what_cannot_be_read_and_keeps_the_rest(
    old_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(old_home))
    before = content(old_home)
    said = CliRunner().invoke(app, ["upgrade"])
    assert said.exit_code == 0 and "earlier-layout/releases" in said.output
    after = content(old_home)
    for name, fate in OLD.items():
        assert after[f"earlier-layout/{name}" if fate == "moved" else name] == before[name], name
    assert json.loads(after["home.json"]) == {"layout": 2} and len(after) == len(before) + 1
    assert CliRunner().invoke(app, ["status"]).exit_code == 0
    assert "already" in CliRunner().invoke(app, ["upgrade"]).output


def test_a_later_layout_and_a_damaged_note_are_told(tmp_path: Path) -> None:
    note = tmp_path / "home.json"
    note.write_text('{"layout": 3}')
    with pytest.raises(InputError, match="a later version made"):
        Settings(home=tmp_path).layout.check_layout()
    note.write_text("[")
    with pytest.raises(IntegrityError, match="damaged"):
        Settings(home=tmp_path).layout.check_layout()


def test_a_new_home_gets_its_note_with_its_first_table_and_an_empty_one_is_no_old_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "new")
    settings.layout.check_layout()
    (settings.home / "corpora").mkdir(parents=True)
    settings.layout.check_layout()
    settings.layout.mark_layout()
    assert json.loads((settings.home / "home.json").read_text()) == {"layout": 2}
