"""A run killed in each stage and started again ends where an undisturbed run ends, and asks nothing twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.failures.forking import told_by
from tests.pipeline.conftest import write_tiny
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus


@pytest.mark.slow
def test_killed_anywhere_and_started_again(tmp_path: Path) -> None:
    corpus, train, test = write_tiny(tmp_path / "data")
    add_corpus(tmp_path / "template", "towns", corpus)
    add_benchmark(tmp_path / "template", "towns", task="open_qa", corpus="towns", train=train, test=test)
    undisturbed, killed, refreshed, refreshed_at_last = told_by("tests.pipeline.killing", str(tmp_path))
    assert undisturbed["status"] == 0
    assert len(undisturbed["pairs"]) == len(set(undisturbed["pairs"])) > 60
    assert killed["killed"] == [signal.SIGKILL] * 16
    assert killed["status"] == 0
    assert killed["units"] == undisturbed["units"]
    assert killed["pairs"] == undisturbed["pairs"]
    # A refresh killed in each of its stages ends where an undisturbed one ends, and knows what it retired.
    assert refreshed["statuses"] == [0] and refreshed_at_last["statuses"] == [*[signal.SIGKILL] * 4, 0]
    for part in ("units", "retired"):
        assert refreshed_at_last[part] == refreshed[part]
    assert len(refreshed["retired"]) == 1 and refreshed["units"] != undisturbed["units"]
