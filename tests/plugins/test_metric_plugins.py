"""A metric of one's own, named by a benchmark: found, checked at each answer, and part of what experiments keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.evaluation.experiments.conftest import World, world
from tests.pipeline.conftest import write_tiny
from tests.plugins.installing import Install, install
from wbrag_pipeline.cli import app
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.metrics import METRICS, metric_fingerprint, metric_name, score
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.plugins import METRICS_GROUP, plugins_of

__all__ = ["install", "world"]  # fixtures

LENGTH = """
def first_letter(prediction, golden_answers):
    return any(prediction[:1] == gold[:1] for gold in golden_answers)
"""


def test_a_metric_of_ones_own_scores_beside_the_built_in_ones(install: Install) -> None:
    install("acme-metrics", {METRICS_GROUP: {"first-letter": "acme:first_letter"}}, {"acme.py": LENGTH})
    assert score("first-letter", ["yes", "no"], [["yours"], ["yours"]]) == [1.0, 0.0]
    given = score("first-letter", pl.Series(["yes", None]), [["yours"], ["yours"]])
    assert given.to_list() == [1.0, None]
    assert list(METRICS)[-1] == "first-letter" and metric_name("em") == "exact_match"
    assert plugins_of({"metric": "first-letter"}) == {"metric first-letter": "acme-metrics 1.0"}
    assert metric_fingerprint("accuracy") == ""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 1.5", "gives 1.5, and a score is from 0 to 1"),
        ("return float('nan')", "gives nan"),
        ("return -0.1", "gives -0.1"),
        ("return 1 / 0", "cannot score an answer: ZeroDivisionError"),
        ("return 'good'", "cannot score an answer: ValueError"),
        ("return None", "cannot score an answer: TypeError"),
    ],
)
def test_what_is_no_score_is_an_error_that_names_the_plug_in(install: Install, body: str, told: str) -> None:
    source = f"def odd(prediction, golden_answers):\n    {body}\n"
    install("acme-metrics", {METRICS_GROUP: {"odd": "acme:odd"}}, {"acme.py": source})
    with pytest.raises(InputError, match=told) as refused:
        score("odd", ["a"], [["a"]])
    assert "acme-metrics 1.0" in str(refused.value)


@pytest.mark.parametrize("name", ["accuracy", "em", "f1_score"])
def test_the_name_of_a_built_in_metric_cannot_be_taken(install: Install, name: str) -> None:
    install("acme-metrics", {METRICS_GROUP: {name: "acme:first_letter"}}, {"acme.py": LENGTH})
    with pytest.raises(InputError, match="has the name of a built-in one"):
        metric_name(name)
    assert metric_name("f1") == "f1"


def test_a_changed_metric_scores_anew(install: Install, world: World) -> None:
    site = install("acme-metrics", {METRICS_GROUP: {"first-letter": "acme:first_letter"}}, {"acme.py": LENGTH})
    bench = world.open()
    benchmarks = {**bench.registry.benchmarks}
    benchmarks["compass"] = replace(benchmarks["compass"], metric="first-letter")
    bench.registry = replace(bench.registry, benchmarks=benchmarks)
    before = bench.answers(world.trial)
    assert before.read()["score"].n_unique() == 2
    (site / "acme.py").write_text(LENGTH + "\n")
    assert bench.answers(world.trial).key != before.key


def test_a_home_opens_where_the_metric_of_one_benchmark_is_not_installed(wbrag_home: Path, tmp_path: Path) -> None:
    corpus, train, test = write_tiny(tmp_path / "files")
    add_corpus(wbrag_home, "towns", corpus)
    for name in ("whole", "lacking"):
        add_benchmark(wbrag_home, name, task="open_qa", corpus="towns", train=train, test=test, metric="f1")
    entry = wbrag_home / "benchmarks" / "lacking.yaml"
    entry.write_text(entry.read_text().replace("metric: f1", "metric: first-letter"))

    wbrag = CliRunner().invoke
    assert wbrag(app, ["advise", "whole"]).exit_code == 0
    for command in ("run", "advise", "cost --estimate", "release list", "ask Who? -b"):
        refused = wbrag(app, [*command.split(), "lacking"]).exception
        assert isinstance(refused, InputError), command
        assert "'first-letter'" in str(refused) and "'lacking'" in str(refused)
    listed = wbrag(app, ["status"])
    assert listed.exit_code == 0 and "lacking: field 'metric': there is no metric 'first-letter'" in listed.output
    assert wbrag(app, ["remove", "benchmark", "lacking", "--yes"]).exit_code == 0 and not entry.exists()


def test_a_benchmark_whose_metric_is_not_installed_is_told(install: Install, world: World) -> None:
    entry = world.settings.home / "benchmarks" / "compass.yaml"
    entry.write_text(entry.read_text().replace("metric: accuracy", "metric: first-letter"))
    with pytest.raises(InputError, match=r"first-letter.*accuracy_unicode"):
        Registry.load(world.settings.home).benchmark("compass")
