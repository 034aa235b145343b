"""``wbrag experiment rivals`` with the real encoder and the embedded reader, from corpus to tables."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tests.pipeline.conftest import PLACES, Place
from wbrag_pipeline.cli import app
from wbrag_pipeline.evaluation.experiments.results import GAIN_SOURCES, RIVALS, Results
from wbrag_pipeline.evaluation.experiments.rivals import RIVAL_MEANINGS


def test_the_rivals_of_a_tiny_benchmark(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    result = CliRunner().invoke(app, ["experiment", "rivals", "towns"])
    assert result.exit_code == 0, result.output
    found = Results(place.settings, "reader")
    rows = found.read(RIVALS, ["towns"])
    assert rows["rival"].to_list() == [*RIVAL_MEANINGS] and set(rows["questions"]) == {2 * len(PLACES)}
    by_name = {row["rival"]: row for row in rows.iter_rows(named=True)}
    assert len({row["score_without"] for row in by_name.values()}) == 1 and by_name["plain"]["gain"] == 0.0
    # Gates and distilling were asked for; what takes text from anywhere asked nothing.
    assert by_name["write-back"]["calls"] > by_name["gated passages"]["calls"] > 0
    assert by_name["random sentences"]["calls"] == by_name["plain"]["calls"] == 0
    assert by_name["random sentences"]["entries"] == by_name["write-back"]["entries"] > 0
    assert set(found.read(GAIN_SOURCES, ["towns"])["grouping"]) == {"likeness", "source", "answer"}
    assert "### towns" in result.stdout and "## Where the gain comes from" in result.stdout
