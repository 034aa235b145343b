"""An adapter whose library is not installed names the extra that brings it."""

from __future__ import annotations

import importlib
import sys

import pytest

from wbrag_pipeline.errors import MissingPartError


@pytest.mark.parametrize(
    ("adapter", "library"),
    [("langchain", "langchain_core"), ("llamaindex", "llama_index"), ("haystack", "haystack"), ("dspy", "dspy")],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, adapter: str, library: str
) -> None:
    for name in list(sys.modules):
        if name == library or name.startswith(f"{library}."):
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"wbrag_pipeline.serving.{adapter}", raising=False)
    with pytest.raises(MissingPartError, match=rf"pip install 'wbrag-pipeline\[{adapter}\]'"):
        importlib.import_module(f"wbrag_pipeline.serving.{adapter}")
