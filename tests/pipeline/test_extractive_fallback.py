"""A language model whose drafts all fail, through the whole graph: everyone who looks is told that it wrote nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.pipeline.answering_server import AnsweringServer
from tests.pipeline.conftest import Place
from wbrag_pipeline import tables
from wbrag_pipeline.cli import app
from wbrag_pipeline.releases.store import current
from wbrag_pipeline.settings import Settings


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[AnsweringServer]:
    with AnsweringServer.over(place) as server:
        yield server


@pytest.fixture(scope="module")
def settings(place: Place, server: AnsweringServer) -> Settings:
    return place.settings.with_(generator=f"openai:{server.url}#tiny")


@pytest.fixture(scope="module")
def trained(place: Place, settings: Settings, instance: Any) -> Any:
    """The result of the training run, through the graph that the UI shows."""
    deployment = {"home": str(settings.home), "generator": settings.generator}
    for job in ("index_corpus", "train_knowledge_base"):
        result = place.definitions.defs.resolve_job_def(job).execute_in_process(
            run_config={"resources": {"deployment": {"config": deployment}}, "loggers": {"people": {}}},
            instance=instance,
            partition_key="towns",
            raise_on_error=False,
        )
    return result


@pytest.fixture(scope="module")
def units(trained: Any, settings: Settings) -> pl.DataFrame:
    return tables.KNOWLEDGE_UNITS.load(settings, "towns")


def wbrag(*arguments: str) -> str:
    """A command's output without the frames of its trees and tables."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return " ".join(re.sub("[│├└─┃━]", " ", result.output).split())


def test_the_run_succeeds_and_the_asset_says_how_many_are_fallbacks(trained: Any, units: pl.DataFrame) -> None:
    assert trained.success and units.height > 3
    (event,) = trained.asset_materializations_for_node("knowledge_units")
    figures = {name: value.value for name, value in event.metadata.items()}
    assert figures["extractive_share"] == 1.0
    assert figures["units_extractive"] == figures["rows"] == units.height
    assert "units_repaired" not in figures


def test_the_model_had_both_of_its_tries(trained: Any, units: pl.DataFrame, server: AnsweringServer) -> None:
    assert server.refused["unit"] == server.refused["repair"] >= units.height


def test_a_check_warns_and_stops_nothing(trained: Any) -> None:
    (check,) = [
        check for check in trained.get_asset_check_evaluations() if check.check_name == "units_are_written_by_the_model"
    ]
    assert not check.passed and check.severity is dg.AssetCheckSeverity.WARN
    assert check.metadata["extractive_share"].value == 1.0
    ran = {event.step_key for event in trained.all_node_events if event.is_step_success}
    assert {"curated_units", "writeback_index", "release", "evaluation", "report"} <= ran


def test_the_table_and_the_release_say_who_wrote_each_unit(units: pl.DataFrame, settings: Settings) -> None:
    released = current(settings.releases("towns")).units()
    assert released.height > 0
    for frame in (units, released):
        assert set(frame["written_by"]) == {"extractive_fallback"}
        assert set(frame["distiller"]) == {"extractive"}


def test_the_lineage_of_a_unit_says_so(units: pl.DataFrame, settings: Settings) -> None:
    told = wbrag("lineage", units["unit_id"][0], "--home", str(settings.home))
    assert "written by the extractive fallback: no draft of the generator could be used" in told
    assert "distiller extractive" in told


def test_the_cost_counts_them(units: pl.DataFrame, settings: Settings) -> None:
    told = wbrag("cost", "towns", "--home", str(settings.home))
    (count,) = re.findall(r"knowledge_units \S+ (\d+) units_extractive", told)
    assert int(count) == units.height


def test_the_report_says_so(trained: Any, settings: Settings) -> None:
    page = settings.report("towns")
    for text in (page.read_text(encoding="utf-8"), page.with_suffix(".md").read_text(encoding="utf-8")):
        told = re.search(r"written by the extractive fallback[^0-9]*([0-9.]+) ?%", re.sub(r"<[^>]*>", " ", text))
        assert told and float(told[1]) == 100.0
