"""The experiments through Dagster, with the real encoder and the real reader; and what no test answer may reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.pipeline.conftest import Place
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.experiments.artifact_cache import ACCOUNT
from wbrag_pipeline.evaluation.experiments.results import ABLATION, MATRIX, Results
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.settings import Settings

KINDS = ("matrix", "transfer", "ablation", "oracle")


def run(place: Place, instance: Any, job: str, partition: str | None = "towns", **ops: Any) -> Any:
    result = place.definitions.defs.resolve_job_def(job).execute_in_process(
        run_config={
            "resources": {"deployment": {"config": {"home": str(place.settings.home)}}},
            "loggers": {"people": {}},
            **({"ops": ops} if ops else {}),
        },
        instance=instance,
        partition_key=partition,
    )
    assert result.success
    return result


@pytest.fixture(scope="module")
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(scope="module")
def tried(place: Place, instance: Any) -> Any:
    run(place, instance, "index_corpus")
    methods = {"config": {"methods": ["naive", "replug"]}}
    return run(place, instance, "run_experiments", **{f"{kind}_experiment": methods for kind in KINDS})


def sent(settings: Settings, *stages: str) -> int:
    return sum(
        cost.usage.sent for cost in costs(settings.layout.completions) if cost.stage in {ACCOUNT + s for s in stages}
    )


def test_each_experiment_leaves_rows_figures_and_pictures(place: Place, tried: Any) -> None:
    matrix = Results(place.settings, "reader").read(MATRIX, ["towns"])
    assert matrix["method"].to_list() == ["naive", "replug"] and (matrix["units"] > 0).all()
    for kind in KINDS:
        (event,) = tried.asset_materializations_for_node(f"{kind}_experiment")
        assert event.metadata["rows"].value > 0
        assert any("![" in str(value.value) for value in event.metadata.values()), kind


def test_thresholds_cost_no_scoring(place: Place, tried: Any, instance: Any) -> None:
    rows = Results(place.settings, "reader").read(ABLATION, ["towns"])
    moved = rows.filter(pl.col("parameter") != "top_k")
    assert moved.height > 15 and moved["scoring_sent"].sum() == 0
    # The ledger says so too: what the experiments scored was sent by the settings of the matrix and by other K.
    assert sent(place.settings, "utility_scores", "passage_scores") > 0
    assert sent(place.settings, "gated_docs") == 0


def test_a_second_run_finds_everything_and_sends_nothing(place: Place, tried: Any, instance: Any) -> None:
    before = sum(cost.usage.calls for cost in costs(place.settings.layout.completions))
    methods = {"config": {"methods": ["naive", "replug"]}}
    run(place, instance, "run_experiments", **{f"{kind}_experiment": methods for kind in KINDS})
    assert sum(cost.usage.calls for cost in costs(place.settings.layout.completions)) == before


def test_the_experiments_move_no_release_and_write_no_table_of_the_training(place: Place, tried: Any) -> None:
    assert not (place.settings.home / "releases").exists()
    of_the_corpus = {"passages", "corpus_changes", "retired_units"}
    assert {path.name for path in (place.settings.home / "tables").iterdir()} <= of_the_corpus


def test_the_report_is_an_asset_too(place: Place, tried: Any, instance: Any) -> None:
    result = run(place, instance, "report_experiments", partition=None)
    (event,) = result.asset_materializations_for_node("experiments_report")
    assert Path(event.metadata["path"].value).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert event.metadata["settings"].value == 2


def test_poisoned_test_answers_change_no_unit_and_no_release(place: Place, tried: Any, instance: Any) -> None:
    """Trained twice, from nothing but the corpus: with the test's true answers, and with poison in their place."""

    def trained() -> dict[str, bytes]:
        run(place, instance, "train_knowledge_base")
        home = place.settings.home
        kept = [*home.glob("tables/knowledge_units/**/*.parquet"), *home.glob("tables/curated_units/**/*.parquet")]
        kept += [*home.glob("releases/**/units.parquet"), *home.glob("releases/**/index.faiss")]
        return {str(path.relative_to(home)): path.read_bytes() for path in kept}

    clean = trained()
    assert len(clean) == 4
    test = Registry.load(place.settings.home).benchmark("towns").test
    honest = test.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in honest.splitlines()]
    try:
        test.write_text(
            "".join(json.dumps(row | {"golden_answers": ["poison"]}) + "\n" for row in rows), encoding="utf-8"
        )
        for asset in ("utility_scores", "gated_docs", "knowledge_units", "curated_units"):
            for table in place.settings.home.glob(f"tables/{asset}/**/*.parquet"):
                table.unlink()
        assert trained() == clean
        scores = pl.read_parquet(place.settings.table("evaluation", "towns"))
        assert scores["golden_answers"].to_list() == [["poison"]] * len(rows)
        assert scores["score_without"].sum() == 0
    finally:
        test.write_text(honest, encoding="utf-8")
