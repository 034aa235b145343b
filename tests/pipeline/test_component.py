"""``dg scaffold defs wbrag_pipeline.KnowledgeBase`` in an empty project, as a person does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.pipeline.conftest import write_tiny
from tests.plugins.installing import write_distribution
from wbrag_pipeline.datasets.adding import add_corpus

ROOT = Path(__file__).parents[2]
GROUP = "dagster_dg_cli.registry_modules"
PROJECT = """
[project]
name = "my_project"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "my_project"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(project_root=Path(__file__).parents[2])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project; the entry point is that of ``pyproject.toml``, also where an earlier build is installed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "src/my_project/defs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "src/my_project/__init__.py").touch()
    (folder / "src/my_project/definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    if not [found for found in entry_points(group=GROUP) if found.value == "wbrag_pipeline"]:
        declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
        write_distribution(folder / "site", "wbrag-pipeline-entry-point", {GROUP: declared[GROUP]}, {})
    return folder


def dg_command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(found) for found in (project / "site", project / "src", ROOT))
    program = "from dagster_dg_cli.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_it_is_scaffolded_checked_and_loaded(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WBRAG_HOME")
    corpus, _, _ = write_tiny(tmp_path)
    add_corpus(project / "data/wbrag", "towns", corpus)

    made = dg_command(project, "scaffold", "defs", "wbrag_pipeline.KnowledgeBase", "handbook", "--home", "data/wbrag")
    assert made.returncode == 0, made.stderr
    file = project / "src/my_project/defs/handbook/defs.yaml"
    written = file.read_text(encoding="utf-8")
    assert written.split() == "type: wbrag_pipeline.KnowledgeBase attributes: home: data/wbrag".split()

    # The schema knows the settings, and what is none is told with its line.
    file.write_text(written + "  encodr: intfloat/e5-base-v2\n", encoding="utf-8")
    wrong = dg_command(project, "check", "yaml")
    assert wrong.returncode == 1 and "encodr" in wrong.stdout + wrong.stderr

    file.write_text(written + "  top_k: 7\n  owners: team:search\n  refresh_cron: 30 1 * * *\n", encoding="utf-8")
    listed = dg_command(project, "list", "defs", "--json")
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout[listed.stdout.index("{") :])
    assert {asset["asset_key"] for asset in found["assets"]} >= {"passages", "corpus_index", "release", "evaluation"}
    assert all(asset["owners"] == [{"team": "search"}] for asset in found["assets"])
    assert [schedule["cron_schedule"] for schedule in found["schedules"]] == ["30 1 * * *", "0 4 * * *"]

    # The partitions are those of the home, which stands relative to the project, and runs see the attributes.
    program = (
        "import my_project.definitions as m, os; d = m.defs(); from resources.deployment import Deployment;"
        "import dagster as dg; node = d.resolve_asset_graph().get(dg.AssetKey('passages'));"
        "print(*node.partitions_def.get_partition_keys(), Deployment().settings.top_k)"
    )
    path = os.pathsep.join(map(str, (project / "src", ROOT)))
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == ["sample", "towns", "7"]


def test_a_second_home_in_one_code_location_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wbrag_pipeline.component import KnowledgeBaseComponent
    from wbrag_pipeline.errors import InputError

    monkeypatch.setenv("WBRAG_HOME", str(tmp_path / "one"))  # so that what the component sets is put back
    context = type("", (), {"project_root": tmp_path})()
    KnowledgeBaseComponent(home="one").build_defs(context)
    KnowledgeBaseComponent(home=str(tmp_path / "one")).build_defs(context)
    with pytest.raises(InputError, match="one code location for each home"):
        KnowledgeBaseComponent(home="two").build_defs(context)
