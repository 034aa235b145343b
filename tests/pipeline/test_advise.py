"""``wbrag advise`` with the real encoder, before anything was trained, and calibrated on what was measured."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests.pipeline.conftest import Place
from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import NotBuiltError
from wbrag_pipeline.evaluation.advice import Point, keep_points, points_of
from wbrag_pipeline.evaluation.experiments.results import MATRIX, Results
from wbrag_pipeline.evaluation.signs import signs_of_benchmark
from wbrag_pipeline.training.context import StageContext


def test_advice_asks_no_generator_and_builds_no_units(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    result = CliRunner().invoke(app, ["advise", "towns"])
    assert result.exit_code == 0, result.output
    assert "towns: " in result.stdout and "Write-back is " in result.stdout and "left out in turn" in result.stdout
    assert not place.settings.layout.completions.exists() and not (place.settings.home / "releases").exists()


def test_without_test_questions_a_fifth_of_the_training_questions_stands_for_them(place: Place) -> None:
    context = StageContext.of(place.settings, "towns")
    with_tests = signs_of_benchmark(context)
    monkey = pytest.MonkeyPatch()
    try:
        from wbrag_pipeline.training import stages

        made = stages.questions(context)
        alone = stages.StageResult(made.table.filter(split="train"))
        monkey.setattr(stages, "questions", lambda _: alone)
        signs = signs_of_benchmark(context)
    finally:
        monkey.undo()
    assert 0 < signs.later < signs.training and signs.training + signs.later == with_tests.training


def test_calibrating_wants_measured_gains_and_then_advice_goes_by_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(place.settings.home))
    refused = CliRunner().invoke(app, ["advise", "towns", "--calibrate"])
    assert isinstance(refused.exception, NotBuiltError)
    assert "wbrag experiment matrix towns --method naive" in str(refused.exception)
    who = {"generator": "reader", "encoder": place.settings.encoder, "benchmark": "towns", "method": "naive"}
    row = dict.fromkeys(MATRIX.schema) | who | {"gain": 5.0, "ci_low": 1.0, "ci_high": 9.0}
    Results(place.settings, "reader").write(MATRIX, "towns", [row])
    result = CliRunner().invoke(app, ["advise", "towns", "--calibrate"])
    assert result.exit_code == 0, result.output
    file = place.settings.layout.experiments / "calibration.json"
    (known,) = points_of(file)
    assert known.benchmark == "towns" and known.pays and "| towns |" in result.stdout
    assert json.loads(file.read_text("utf-8"))[0]["gain"] == 5.0
    keep_points(file, [known, Point("far", "reader", "naive", 0.0, None, 0.0, -1.0, 1.0)])
    assert "likely to pay here" in CliRunner().invoke(app, ["advise", "towns"]).stdout
