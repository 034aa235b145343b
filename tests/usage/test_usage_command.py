"""``wbrag usage``, its asset and its place in the report, on the tiny benchmark of towns that was really trained."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.pipeline.conftest import PLACES, train_tiny
from tests.usage.rows import numbered, recorded
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.usage.recorded_queries import RecordedQueries
from wbrag_pipeline.usage.usage_reading import read_usage

NOW = datetime.now(UTC)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return train_tiny(tmp_path_factory.mktemp("towns"))


@pytest.fixture
def home(trained: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WBRAG_HOME", str(trained.home))
    monkeypatch.setenv("DAGSTER_HOME", str(trained.home / "dagster"))
    RecordedQueries(trained.usage("towns")).delete()
    return trained


def record(settings: Settings, rows: pl.DataFrame) -> None:
    RecordedQueries(settings.usage("towns")).append(rows, "", NOW)


def test_nothing_recorded_says_how_to_record(home: Settings) -> None:
    assert run("usage", "towns") == (
        "towns: no query is recorded; record some with: wbrag serve towns --usage-share 0.01\n"
    )
    assert "served queries are recorded" not in run("status")


def test_the_command_shows_figures_units_and_questions(home: Settings, tmp_path: Path) -> None:
    record(home, recorded("Who founded Aldermoor?", best_score=0.9, asked_at=NOW))
    record(home, recorded("How do I bake bread \x1b[31m?", best_score=0.05, asked_at=NOW))
    said = run("usage", "towns", "--json", str(tmp_path / "usage.json"))
    assert "queries recorded" in said and "not retrieved: u_" in said
    assert "How do I bake bread \\x1b[31m?" in said and "no hit" in said and "\x1b" not in said
    assert "towns: 2 served queries are recorded; see wbrag usage towns" in run("status")
    found = json.loads((tmp_path / "usage.json").read_text())
    assert found["queries"] == 2 and found["without_hit"] == 1 and found["shown"][0]["question_id"].startswith("q_")
    assert run("usage", "towns", "--delete") == "towns: 2 recorded queries are deleted\n"
    assert "no query is recorded" in run("usage", "towns")


def test_a_question_is_compared_with_those_that_trained(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are some twelve training questions, which is few: the border is asked for all the same."""
    monkeypatch.setattr("wbrag_pipeline.usage.question_drift.FEWEST_TRAINING", 5)
    record(home, recorded("Who founded Eskmere ?", "How do I bake a loaf of bread?"))
    found = read_usage(home, "towns", load_encoder())
    assert found.far_border is not None and 0.3 < found.far_border < 1 and found.questions == 2
    assert found.shown.filter("far")["question"].to_list() == ["How do I bake a loaf of bread?"]
    assert found.good_score is not None and found.test_share is not None
    assert found.units == len(found.never) > 0 and found.release == "r000001"


def definitions() -> Any:
    from wbrag_pipeline import definitions

    return definitions


def look(settings: Settings) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions().defs.resolve_job_def("look_at_usage")
        config = {"resources": {"deployment": {"config": {"home": str(settings.home)}}}, "loggers": {"people": {}}}
        result = job.execute_in_process(run_config=config, instance=instance, partition_key="towns")
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    (made,) = result.asset_materializations_for_node("usage")
    return check, made.metadata


@pytest.mark.slow
def test_the_asset_warns_when_training_again_is_worth_it(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.usage.question_drift.FEWEST_TRAINING", 5)
    check, metadata = look(home)
    assert check.passed and metadata["rows"].value == 0
    near = [f"Who founded {place}, please, {number}?" for place in PLACES for number in range(50)]
    record(home, recorded(*near, units=1, passages=["writeback:u_1"]))
    assert look(home)[0].passed
    record(home, recorded(*numbered(200)))
    check, metadata = look(home)
    assert not check.passed and check.severity == dg.AssetCheckSeverity.WARN
    assert "the questions have moved" in str(check.metadata["verdict"].value) and metadata["far"].value >= 200


@pytest.mark.slow
def test_the_report_tells_what_happened_after_the_release(home: Settings) -> None:
    record(home, recorded("Who founded Aldermoor?"))
    run_pipeline(home, ["towns"])
    for page in (home.report("towns"), home.report("towns").with_suffix(".md")):
        text = page.read_text(encoding="utf-8")
        assert "After release" in text and "units that no query retrieved" in text


def test_every_night_benchmarks_with_recorded_queries_are_looked_at(home: Settings) -> None:
    schedule = definitions().usage_at_night
    with dg.build_schedule_context() as context:
        assert isinstance(schedule(context), dg.SkipReason)
        record(home, recorded("Who founded Aldermoor?"))
        assert [request.partition_key for request in schedule(context)] == ["towns"]


def test_removing_a_benchmark_takes_its_recorded_queries(home: Settings) -> None:
    from wbrag_pipeline.datasets.removing import plan_removal

    record(home, recorded("Who founded Aldermoor?"))
    planned = plan_removal(home.layout, "benchmark", "towns").files
    assert set(RecordedQueries(home.usage("towns")).segments()) <= set(planned)
