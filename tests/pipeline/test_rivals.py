"""``wbrag experiment rivals``, ``labels`` and ``splits`` with the real encoder and the embedded reader."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tests.pipeline.conftest import PLACES, Place
from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments.on_top import pairs_for
from wbrag_pipeline.evaluation.experiments.results import GAIN_SOURCES, LABELS, ON_TOP, RIVALS, SPLITS, Results
from wbrag_pipeline.evaluation.experiments.rivals import rivals_for


def test_the_rivals_of_a_tiny_benchmark(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    result = CliRunner().invoke(app, ["experiment", "rivals", "towns"])
    assert result.exit_code == 0, result.output
    found = Results(place.settings, "reader")
    rows = found.read(RIVALS, ["towns"])
    assert rows["rival"].to_list() == rivals_for("reader") and set(rows["questions"]) == {2 * len(PLACES)}
    assert "HyPE, doc2query--: left out, for reader writes no text" in result.output
    by_name = {row["rival"]: row for row in rows.iter_rows(named=True)}
    assert len({row["score_without"] for row in by_name.values()}) == 1 and by_name["plain"]["gain"] == 0.0
    # Gates and distilling were asked for; what takes text from anywhere asked nothing.
    assert by_name["write-back"]["calls"] > by_name["gated passages"]["calls"] > 0
    assert by_name["random sentences"]["calls"] == by_name["plain"]["calls"] == 0
    assert by_name["random sentences"]["entries"] == by_name["write-back"]["entries"] > 0
    assert set(found.read(GAIN_SOURCES, ["towns"])["grouping"]) == {"likeness", "source", "answer"}
    assert "### towns" in result.stdout and "## Where the gain comes from" in result.stdout
    assert found.read(ON_TOP, ["towns"]).select("retriever", "units_of").rows() == pairs_for("reader")
    assert by_name["generator as reranker"]["search_ms"] is None and by_name["BM25"]["search_ms"] > 0
    assert by_name["BM25"]["megabytes"] > 0 and by_name["query adapter"]["train_seconds"] is not None


def test_fewer_labels_and_other_splits_of_a_tiny_benchmark(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    found = Results(place.settings, "reader")
    kinds = ("gold", "weak", "judge")
    asked = ["experiment", "labels", "towns", "--labels", "3", "--draws", "2", "--kinds", ",".join(kinds)]
    curve = CliRunner().invoke(app, asked)
    assert curve.exit_code == 0, curve.output
    rows = found.read(LABELS, ["towns"])
    assert rows["draws"].to_list() == [2, 1] * 3 and rows["labels"][0] == 3
    assert rows["kind"].unique(maintain_order=True).to_list() == list(kinds)
    assert rows["score_without"].n_unique() == 1 and "- weak: a log" in curve.stdout
    assert "## Gain by the number of training questions" in curve.stdout
    drawn = CliRunner().invoke(app, ["experiment", "splits", "towns", "--splits", "2"])
    assert drawn.exit_code == 0, drawn.output
    splits = found.read(SPLITS, ["towns"])
    assert set(splits["split"]) == {1, 2} and set(splits["questions"]) == {2 * len(PLACES)}
    assert "## Several splits" in drawn.stdout and "| no rescue |" in drawn.stdout


@pytest.mark.parametrize("given", ["", "a,b", "5,,9", "0", "-3,50", "1.5"])
def test_numbers_of_labels_that_cannot_be_read_are_refused(
    place: Place, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    refused = CliRunner().invoke(app, ["experiment", "labels", "towns", "--labels", given])
    assert isinstance(refused.exception, InputError) and "--labels" in str(refused.exception)


@pytest.mark.parametrize(
    ("given", "told"), [("silver", "no kind of labels 'silver'"), ("gold,", "no kind"), ("synthetic", "cannot write")]
)
def test_kinds_of_labels_that_cannot_be_had_are_refused(
    place: Place, given: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    refused = CliRunner().invoke(app, ["experiment", "labels", "towns", "--kinds", given])
    assert isinstance(refused.exception, InputError) and told in str(refused.exception)
