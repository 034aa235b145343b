"""The speed measurement around the engine, on an input so small that its figures mean nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_both_sides_give_the_same_texts_and_their_times_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from perf.generate import engine

    engine(questions=6, turns=1, folder=tmp_path)  # it compares the texts itself
    shown = capsys.readouterr().out
    assert "engine: 6 prompts of" in shown
    assert re.search(r"throughput, pipeline ÷ raw engine: [\d.]+", shown)
