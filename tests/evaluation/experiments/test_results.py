"""What experiments leave behind: a row says what it was made with, and no later command loses or mixes rows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.evaluation.experiments.conftest import TEST, World, write_split
from wbrag_pipeline.cli import app
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments import results, transfer
from wbrag_pipeline.evaluation.experiments.ablation import grids_of
from wbrag_pipeline.evaluation.experiments.conduct import Study, cells, conduct
from wbrag_pipeline.evaluation.experiments.provenance import settings_facts
from wbrag_pipeline.evaluation.experiments.result_sections import results_as_markdown
from wbrag_pipeline.evaluation.experiments.results import ABLATION, LABELS, MATRIX, ORACLE, SPLITS, TRANSFER, Results
from wbrag_pipeline.evaluation.experiments.sampling import resplit, with_labels
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.source_code import version_of_the_code


def find(world: World, *methods: str, kind: str = "matrix", settings: Settings | None = None, **more: Any) -> None:
    study = Study(settings or world.settings, ("compass",), ("scripted",), methods or ("naive",), **more)
    conduct(list(cells(world.open(), study, (kind,))), lambda line: None)


def found(world: World, kind: Any = MATRIX, settings: Settings | None = None) -> pl.DataFrame:
    return Results(settings or world.settings, "scripted").read(kind, ["compass"])


def test_a_method_that_is_tried_later_stands_beside_those_tried_before(world: World) -> None:
    find(world, "naive", "replug")
    before = found(world)
    find(world, "flare")
    assert found(world)["method"].to_list() == ["naive", "replug", "flare"]
    find(world, "naive")
    assert found(world).head(2).equals(before)


def test_points_of_a_grid_are_kept_from_command_to_command_in_the_order_of_their_values(world: World) -> None:
    for grid in ({"tau_s": (0.5,)}, {"n_min": (1,)}, {"tau_s": (0.3, 0.0)}):
        find(world, kind="ablation", grids=grid)
    points = found(world, ABLATION).select("parameter", "value").rows()
    assert points == [("tau_s", 0.0), ("tau_s", 0.1), ("tau_s", 0.3), ("tau_s", 0.5), ("n_min", 1.0), ("n_min", 2.0)]


def test_a_study_knows_its_own_rows_among_those_of_others(world: World) -> None:
    """Dagster draws and counts what a run has made, and not what other methods left in the same files."""
    earlier = Study(world.settings, ("compass",), ("scripted",), ("replug", "flare"), ("replug", "flare"))
    study = Study(world.settings, ("compass",), ("scripted",), ("naive", "replug"), grids={"n_min": (1,)})
    for each in (earlier, study):
        conduct(list(cells(world.open(), each, ("matrix", "transfer", "oracle"))), lambda line: None)

    def methods(kind: Any) -> list[str]:
        return study.own_rows(kind, found(world, kind))["method"].unique(maintain_order=True).to_list()

    assert sorted(found(world, ORACLE)["method"].unique()) == ["naive", "replug"]
    assert methods(MATRIX) == ["replug", "naive"] and methods(ORACLE) == ["naive"]
    pairs = study.own_rows(TRANSFER, found(world, TRANSFER)).select("method", "made_by").rows()
    assert sorted(pairs) == sorted(transfer.pairs(("naive", "replug")))


def test_rows_over_other_questions_are_compared_with_nothing(world: World, tmp_path: Path) -> None:
    find(world, "naive", "replug")
    write_split(tmp_path / "test.jsonl", TEST[:3])
    lines: list[str] = []
    conduct(
        list(cells(world.open(), Study(world.settings, ("compass",), ("scripted",), ("naive",)), ("matrix",))),
        lines.append,
    )
    # Two rows of the matrix and ten of costs.
    assert "1 rows stored, 12 of other questions or another corpus taken out" in lines[-1]
    assert found(world).select("method", "questions").rows() == [("naive", 3)]


def test_every_row_says_what_it_was_made_with(world: World) -> None:
    settings = world.settings.with_(tau_doc=0.05)
    for kind in ("matrix", "transfer", "ablation", "oracle", "rivals", "labels", "splits"):
        find(world, kind=kind, settings=settings, grids={"n_min": (1,)}, splits_drawn=1)
    for kind in results.RESULT_TABLES.values():
        rows = found(world, kind, settings)
        assert rows.height, kind.name
        assert set(rows["seed"]) == {0} and set(rows["version"]) == {version_of_the_code()}, kind.name
        assert rows["data"].str.contains(r"^[0-9a-f]{16}$").all()
        for told in map(json.loads, rows["settings"]):
            assert told["tau_doc"] == 0.05 and told["top_k"] == 2 and "home" not in told
    said = results_as_markdown({"matrix": found(world, MATRIX, settings)}).splitlines()[-1]
    assert "with seed 0, curate False, tau\\_doc 0.05, top\\_k 2." in said and "0.1.0+" in said


def test_a_benchmarks_report_says_what_its_figures_were_made_with(world: World) -> None:
    told = settings_facts(world.settings.with_(seed=7, limit=20), world.open().benchmark(world.trial))
    assert told["not the default"] == "curate False, limit 20, top_k 2" and told["seed of the intervals"] == "7"
    assert told["version"] == version_of_the_code() and told["metric"] == "accuracy"
    assert settings_facts(Settings(), world.open().benchmark(world.trial))["not the default"] == "nothing else"


def test_a_seed_has_results_of_its_own(world: World) -> None:
    find(world)
    find(world, settings=world.settings.with_(seed=3))
    assert found(world)["seed"].to_list() == [0]
    assert found(world, settings=world.settings.with_(seed=3))["seed"].to_list() == [3]


def test_scores_of_single_questions_give_the_figures(world: World) -> None:
    find(world, "naive")
    row = found(world).row(0, named=True)
    assert len(row["scores_without"]) == len(row["scores_with"]) == len(TEST)
    assert 100 * sum(row["scores_with"]) / len(TEST) == row["score_with"]


def test_numbers_of_labels_that_there_are_not_are_told(world: World) -> None:
    study = Study(world.settings, ("compass",), ("scripted",), ("naive",), label_numbers=(2, 3, 50, 1000))
    lines: list[str] = []
    conduct(list(cells(world.open(), study, ("labels",))), lines.append)
    assert found(world, LABELS)["labels"].to_list() == [2, 3]
    assert any("50, 1,000: left out, for there are 3 training questions" in line for line in lines)


def test_a_setting_that_is_given_twice_in_the_grid_has_the_values_of_both() -> None:
    assert grids_of(["tau_s=0,0.1", "n_min=1", "tau_s=0.5"]) == {"tau_s": [0.0, 0.1, 0.5], "n_min": [1.0]}


@pytest.mark.parametrize("methods", [["naive"], ["naive", "naive"]])
def test_one_method_alone_exchanges_no_units(world: World, methods: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WBRAG_HOME", str(world.settings.home))
    flags = [flag for method in methods for flag in ("--method", method)]
    refused = CliRunner().invoke(app, ["experiment", "transfer", "compass", *flags])
    assert isinstance(refused.exception, InputError) and "nobody to exchange" in str(refused.exception)


def test_another_seed_draws_other_labels_and_splits(world: World) -> None:
    asked = pl.DataFrame(
        [(part, f"{part}{n}", f"{part} {n}", ["a"], "gold") for part in ("train", "test") for n in range(20)],
        schema={"split": pl.String, "question_id": pl.String, "question": pl.String}
        | {"golden_answers": pl.List(pl.String), "label": pl.String},
        orient="row",
    )

    def tested(frame: pl.DataFrame, part: str) -> set[str]:
        return set(frame.filter(split=part)["question"])

    assert len({frozenset(tested(resplit(asked, 1, seed), "test")) for seed in range(3)}) == 3
    assert len({frozenset(tested(with_labels(asked, 5, 0, seed=seed), "train")) for seed in range(3)}) == 3
    other = world.settings.with_(seed=1)
    for kind in ("splits", "labels"):
        for settings in (world.settings, other):
            find(world, kind=kind, settings=settings, splits_drawn=1, label_numbers=(1,), draws=1)
    trained = {
        tuple(world.open().questions(trial, "train")["question"])
        for seed in range(4)
        for trial in [world.trial.with_(seed=seed)]
        for trial in [type(trial)(trial.benchmark, trial.settings, split=1)]
    }
    assert len(trained) > 1
    assert found(world, SPLITS, other).height == found(world, SPLITS).height
    assert found(world, LABELS, other)["seed"].unique().to_list() == [1]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), max_size=4), max_size=4))
def test_the_order_of_points_does_not_tell_in_how_many_commands_they_were_found(
    commands: Sequence[Sequence[float]],
) -> None:
    table = ABLATION.empty()
    for values in commands:
        rows = [{"parameter": "tau_s", "value": value, "data": "d"} for value in dict.fromkeys(values)]
        table = results.put_beside(ABLATION, table, pl.DataFrame(rows, schema=ABLATION.schema))
    assert table["value"].to_list() == sorted({value for values in commands for value in values})


def test_a_sweep_is_read_at_once_as_the_page_tells(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (0, 1):
        for top_k in (1, 2):
            find(world, settings=world.settings.with_(seed=seed, top_k=top_k))
    page = Path(__file__).parents[3] / "docs" / "how-to" / "run-experiments.md"
    (told,) = re.findall(r"```python\n(.*?)print", page.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(world.settings.home.parent)
    names: dict[str, Any] = {}
    exec(told.replace(".wbrag/", "home/").replace("/labels/", "/matrix/"), names)
    assert sorted(names["rows"].select("K", "seed").rows()) == [("1", 0), ("1", 1), ("2", 0), ("2", 1)]
