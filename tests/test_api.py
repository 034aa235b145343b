"""The public API: its names, that they are documented, and that what the docstrings show is what comes out."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import wbrag_pipeline

ROOT = Path(__file__).parents[1]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "wbrag_pipeline").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_the_names_are_these() -> None:
    assert sorted(wbrag_pipeline.__all__) == [
        "Evaluation",
        "KnowledgeBase",
        "LiveRetriever",
        "OpenedKnowledgeBase",
        "Release",
        "Reply",
        "Settings",
        "WbragError",
        "add_benchmark",
        "add_corpus",
        "add_retriever",
        "ask",
        "evaluate",
        "open_knowledge_base",
        "train",
    ]


@pytest.mark.parametrize("name", wbrag_pipeline.__all__)
def test_every_name_is_there_and_told_about(name: str) -> None:
    assert name in dir(wbrag_pipeline)
    assert len(inspect.getdoc(getattr(wbrag_pipeline, name)) or "") > 40


def test_exported_names_are_the_documented_ones() -> None:
    from docs_reference import api

    page = api.page()
    headings = [line.split()[1].strip("`") for line in page.splitlines() if line.startswith("## ")]
    assert sorted(headings) == sorted(wbrag_pipeline.__all__)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'retrain'"):
        _ = wbrag_pipeline.retrain


def test_importing_it_costs_nothing() -> None:
    heavy = {"torch", "polars", "faiss", "dagster", "pydantic", "numpy"}
    program = f"import sys, wbrag_pipeline; print(*sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_what_docstrings_show_is_what_comes_out(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed
