"""The examples as a reader would use them: built, installed, checked by their own tests, and in one real run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.plugins import plugins_of

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/pyproject.toml"))
PAGES = {
    "own_method": "add-a-rag-method.md",
    "own_engine": "add-an-engine.md",
    "own_encoder": "add-an-encoder.md",
}
# A program that answers who founded a town from the passages in its prompt, and nothing to anything else.
FOUNDER = r"command:sed -n 's/.*founded by \([A-Z][a-z]* [A-Z][a-z]*\).*/\1/p'"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all examples are installed: a wheel is installed by unpacking it."""
    folder = tmp_path_factory.mktemp("examples")
    build = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    for name in EXAMPLES:
        shutil.copytree(ROOT / "examples" / name, folder / name)
        done = subprocess.run(
            [sys.executable, "-c", build, str(folder)], cwd=folder / name, capture_output=True, text=True, check=True
        )
        with zipfile.ZipFile(folder / done.stdout.split()[-1]) as wheel:
            wheel.extractall(folder / "site")
    return folder / "site"


def run(site: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_its_own_tests(site: Path, name: str) -> None:
    done = run(site, "pytest", "-p", "no:cacheprovider", "-q", ".", cwd=site.parent / name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 10


def test_without_being_installed_an_example_says_so(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "own_method", tmp_path / "own_method")
    done = run(tmp_path, "pytest", "-p", "no:cacheprovider", "-q", ".", cwd=tmp_path / "own_method")
    assert done.returncode == 1
    assert "is the plug-in installed?" in done.stdout


@pytest.mark.slow
def test_a_run_with_all_three(site: Path, tmp_path: Path, wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, train, test = write_tiny(tmp_path)
    add_corpus(wbrag_home, "towns", corpus)
    add_benchmark(wbrag_home, "towns", task="open_qa", corpus="towns", train=train, test=test)
    chosen = ("--method", "majority", "--encoder", "hashing:4096", "--generator", FOUNDER)
    done = run(site, "wbrag_pipeline.cli", "run", "towns", *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    (release,) = wbrag_home.glob("releases/*/towns/r000001/release.json")
    made = json.loads(release.read_text())["made"]
    named = [made["settings"][name] for name in ("method", "encoder", "generator")]
    assert named == ["majority", "hashing:4096", FOUNDER]
    assert set(made["plugins"]) == {"method majority", "encoder hashing", "generator command"}
    assert made["units"] == 6  # who founded each town is found out by reading, and is not known without

    found = run(site, "wbrag_pipeline.cli", "ask", "Who founded Corvane?", *chosen)
    assert found.returncode == 0 and "Lena Thorne" in found.stdout, found.stdout + found.stderr
    missing = run(ROOT, "wbrag_pipeline.cli", "ask", "Who founded Corvane?", *chosen)
    assert missing.returncode == 2 and "there is no RAG method 'majority'" in missing.stderr

    monkeypatch.syspath_prepend(site)
    assert plugins_of({"method": "majority", "encoder": "hashing:4096", "generator": FOUNDER}) == {
        "method majority": "wbrag-majority 0.1.0",
        "encoder hashing": "wbrag-hashing 0.1.0",
        "generator command": "wbrag-command 0.1.0",
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_pages_code_is_the_examples(name: str) -> None:
    page = (ROOT / "docs" / "how-to" / PAGES[name]).read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- from (\S+) -->\n```\w+\n(.*?)\n```\n", page, re.DOTALL)
    assert page.count("<!-- from ") == page.count("```python") + page.count("```toml") == len(blocks)
    for file, code in blocks:
        assert f"\n{code}\n" in "\n" + (ROOT / file).read_text(encoding="utf-8"), f"{PAGES[name]} shows another {file}"
    assert {Path(file).parent.name for file, _ in blocks} == {name}
    shown = {Path(file).name.partition("_")[0] for file, _ in blocks}
    assert shown == {"wbrag", "pyproject.toml", "test"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_small_and_listed(name: str) -> None:
    folder = ROOT / "examples" / name
    (module,) = folder.glob("wbrag_*.py")
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 70
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert f"`{name}/`" in listed and PAGES[name] in listed
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((group, entries),) = project["entry-points"].items()
    assert group == f"wbrag_pipeline.{name.removeprefix('own_')}s"
    assert [value.partition(":")[0] for value in entries.values()] == [module.stem]
