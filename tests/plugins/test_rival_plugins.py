"""A rival, a gate and a metric of one's own, as the page tells: its code is installed here and runs as it stands."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.experiments.conftest import World, world
from tests.plugins.installing import Install, install
from wbrag_pipeline.datasets.metrics import score
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.evaluation.experiments.conduct import Study, cells, conduct
from wbrag_pipeline.evaluation.experiments.result_sections import results_as_markdown
from wbrag_pipeline.evaluation.experiments.results import RIVALS, Results
from wbrag_pipeline.evaluation.experiments.rivals import RIVAL_MEANINGS, rivals_for, row
from wbrag_pipeline.plugins import METRICS_GROUP, RIVALS_GROUP

__all__ = ["install", "world"]  # fixtures

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-metric-or-rival.md"
METRIC, RIVAL = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
NAMED = dict(re.findall(r'(\w+) = "(wbrag_\w+:\w+)"', PAGE.read_text("utf-8")))


def test_the_pages_metric(install: Install) -> None:
    install("wbrag-precision", {METRICS_GROUP: {"precision": NAMED["precision"]}}, {"wbrag_precision.py": METRIC})
    assert score("precision", ["the red house", "", "blue"], [["a house"], ["x"], ["red"]]) == [0.5, 0.0, 0.0]


def test_the_pages_rival_stands_in_the_table(install: Install, world: World) -> None:
    install("wbrag-stated", {RIVALS_GROUP: {"stated": NAMED["stated"]}}, {"wbrag_stated.py": RIVAL})
    assert rivals_for("reader")[-1] == "stated" and "stated" not in RIVAL_MEANINGS
    study = Study(world.settings, ("compass",), ("scripted",), ("naive",))
    conduct(list(cells(world.open(), study, ("rivals",))), lambda line: None)
    rows = Results(world.settings, "scripted").read(RIVALS, ["compass"])
    assert rows["rival"].to_list()[-1] == "stated"
    assert rows.filter(rival="stated")["entries"].to_list() == [0]  # no passage of angles says yes
    said = results_as_markdown({"rivals": rows})
    assert "| stated |" in said and "- stated: a plug-in's, of wbrag-stated 1.0." in said


def test_the_pages_gate_retains_what_states_the_answer(install: Install, world: World, tmp_path: Path) -> None:
    install("wbrag-stated", {RIVALS_GROUP: {"stated": NAMED["stated"]}}, {"wbrag_stated.py": RIVAL})
    for line in ("train.jsonl", "test.jsonl"):
        file = tmp_path / line
        file.write_text(file.read_text("utf-8").replace('"yes"', '"30"'))  # the text of passage b
    bench = world.open()
    assert row(bench, replace(world.trial), "stated")["entries"] > 0


@pytest.mark.parametrize(
    ("body", "told"), [("return None", "gives a NoneType and not a Rival"), ("return 1 / 0", "ZeroDivisionError")]
)
def test_a_rival_that_cannot_be_built_is_told(install: Install, world: World, body: str, told: str) -> None:
    source = f"def odd(bench, trial):\n    {body}\n"
    install("acme-rivals", {RIVALS_GROUP: {"odd": "acme:odd"}}, {"acme.py": source})
    with pytest.raises(InputError, match=told) as refused:
        row(world.open(), world.trial, "odd")
    assert "acme-rivals 1.0" in str(refused.value)


def test_a_rival_with_the_name_of_a_built_in_one_is_refused(install: Install) -> None:
    install("acme-rivals", {RIVALS_GROUP: {"plain": "acme:odd"}}, {"acme.py": "odd = None"})
    with pytest.raises(InputError, match="has the name of a built-in one"):
        from wbrag_pipeline.evaluation.experiments.rivals import meanings_of_rivals

        meanings_of_rivals()
