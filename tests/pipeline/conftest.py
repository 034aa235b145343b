"""A tiny knowledge base in a home of its own, and the code location loaded over it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.settings import Settings

PLACES = {
    "Aldermoor": ("Tessa Quill", "1612", "salt", "Vell"),
    "Brackwater": ("Odo Marsh", "1688", "tin", "Ister"),
    "Corvane": ("Lena Thorne", "1701", "wool", "Ume"),
    "Dunhollow": ("Piers Amber", "1745", "glass", "Orme"),
    "Eskmere": ("Mira Stone", "1799", "paper", "Lune"),
    "Farrowby": ("Jon Hale", "1820", "cider", "Teal"),
}


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_tiny(folder: Path) -> tuple[Path, Path, Path]:
    """Corpus, training and test file about invented towns, so that no model can know them by heart."""
    folder.mkdir(parents=True, exist_ok=True)
    passages, train, test = [], [], []
    for name, (founder, year, goods, river) in PLACES.items():
        passages += [
            (
                name,
                f"{name} is a town on the river {river}. It was founded by {founder} in {year}. It has a small port.",
            ),
            (f"Trade of {name}", f"For two centuries {name} lived from {goods}. Ships carried {goods} to the coast."),
            (f"{founder}", f"{founder} was a merchant. The house of {founder} stands on the market square."),
        ]
        train += [(f"Who founded {name}?", [founder]), (f"What did {name} live from?", [goods])]
        test += [(f"In which year was the town of {name} founded?", [year]), (f"On which river is {name}?", [river])]
    corpus = _jsonl(
        folder / "towns.jsonl",
        [{"id": str(i), "contents": f'"{title}"\n{text}'} for i, (title, text) in enumerate(passages)],
    )
    splits = [
        _jsonl(
            folder / f"{split}.jsonl",
            [
                {"id": f"{split}_{i}", "question": question, "golden_answers": answers, "metadata": {}}
                for i, (question, answers) in enumerate(rows)
            ],
        )
        for split, rows in (("train", train), ("test", test))
    ]
    return corpus, splits[0], splits[1]


def train_tiny(folder: Path) -> Settings:
    """A home under ``folder`` in which the tiny benchmark ``towns`` was trained by a run."""
    from wbrag_pipeline.commands.pipeline import run_pipeline

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WBRAG_HOME", str(folder / "home"))
        patch.setenv("DAGSTER_HOME", str(folder / "home" / "dagster"))
        (folder / "home" / "dagster").mkdir(parents=True)
        settings = Settings.from_environment()
        corpus, train, test = write_tiny(folder / "files")
        add_corpus(settings.home, "towns", corpus)
        add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
        run_pipeline(settings, ["towns"])
    return settings


@dataclass(frozen=True)
class Place:
    """A home with the tiny benchmark ``towns``, and the definitions loaded over it."""

    settings: Settings
    definitions: Any


@pytest.fixture(scope="module")
def load_definitions() -> Callable[[], Any]:
    """Import the code location afresh: it reads the registry when it loads, as "Reload definitions" makes it do."""

    def load() -> Any:
        for name in list(sys.modules):
            if name == "assets" or name.startswith("assets.") or name == "wbrag_pipeline.definitions":
                del sys.modules[name]
        # `from wbrag_pipeline import definitions` would give the package's attribute: the module of the time before.
        return importlib.import_module("wbrag_pipeline.definitions")

    return load


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, load_definitions: Callable[[], Any]) -> Iterator[Place]:
    """Module-wide, since building it takes seconds: tests must not depend on each other's order."""
    folder = tmp_path_factory.mktemp("towns")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WBRAG_HOME", str(folder / "home"))
        settings = Settings.from_environment()
        corpus, train, test = write_tiny(folder)
        add_corpus(settings.home, "towns", corpus)
        add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
        yield Place(settings, load_definitions())


@pytest.fixture(scope="module")
def instance() -> Iterator[Any]:
    """Dagster's records, in memory."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
