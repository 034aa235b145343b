"""Every setting that a stage reads keeps the stage's table apart: ``changes`` names the first such table.

Which settings are read is watched while all stages run over the tiny towns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

from tests.test_settings import CHANGES_NO_TABLE, another_value
from tests.training.towns import Towns, make_towns
from wbrag_pipeline import tables
from wbrag_pipeline.datasets import validation_split
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.evaluate import evaluate_release
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.settings import TABLES_IN_ORDER, Settings, all_settings
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext

CHANGES = {setting.name: setting.changes for setting in all_settings()}
CONTENT = [setting for setting in all_settings() if setting.changes]
DERIVED = ("search_depth", "query_transform")
# They say where something is. What they are made of is tested in tests/test_settings.py.
# `store`, `index` and `search` say which index is opened and how, and are read for nothing else.
PLACES = ("search_space", "layout", "variant", "variant_of", "table", "corpus_index", "releases", "report", "overview")
# Read to put the RAG system together. Which hits there are follows from the derived facts, see the last test.
SYSTEM = {"method", "top_k", "generator", "engine_arguments", "num_fewshot", "reduce_answers"}


class Watched(Settings):
    """Settings that note which of them are read."""

    read: ClassVar[set[str]] = set()
    watching: ClassVar[bool] = True

    def __getattribute__(self, name: str) -> Any:
        if name in CHANGES or name in DERIVED:
            if Watched.watching:
                Watched.read.add(name)
            with unwatched():
                return super().__getattribute__(name)
        if name not in PLACES:
            return super().__getattribute__(name)
        with unwatched():
            found = super().__getattribute__(name)
        return quietly(found) if callable(found) else found


@contextmanager
def unwatched() -> Iterator[None]:
    before, Watched.watching = Watched.watching, False
    try:
        yield
    finally:
        Watched.watching = before


def quietly(call: Any) -> Any:
    def quiet(*given: Any) -> Any:
        with unwatched():
            return call(*given)

    return quiet


@dataclass(frozen=True)
class Trained:
    """Tables by name, those of ``TABLES_IN_ORDER``, and what each stage read."""

    tables: dict[str, pl.DataFrame]
    read: dict[str, set[str]]


def train(context: StageContext) -> Trained:
    """All stages, and the evaluation of the release that they make."""
    made, read = dict[str, pl.DataFrame](), dict[str, set[str]]()
    passages = tables.PASSAGES.load_lazily(context.settings, "towns")
    table = made.__getitem__
    for name, stage in {
        "questions": lambda: stages.questions(context),
        "retrievals": lambda: stages.retrievals(context, table("questions")),
        "utility_scores": lambda: stages.utility_scores(context, table("questions"), table("retrievals"), passages),
        "gated_docs": lambda: stages.gated_docs(
            context, table("questions"), table("retrievals"), table("utility_scores"), passages
        ),
        "knowledge_units": lambda: stages.knowledge_units(context, table("gated_docs"), passages),
        "curated_units": lambda: stages.curated_units(context, table("knowledge_units"), table("gated_docs"), passages),
        "evaluation": lambda: evaluate_release(
            context, table("questions"), stages.candidate_release(context, table("curated_units")), passages
        ),
    }.items():
        Watched.read.clear()
        made[name] = stage().table
        read[name] = set(Watched.read)
    return Trained(made, read)


@pytest.fixture(scope="module")
def few_are_enough() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation_split, "LEAST_TRAINING", 4)
        yield


@pytest.fixture(scope="module", params=["imagines", "fuses"])
def towns(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, few_are_enough: None) -> Towns:
    return make_towns(tmp_path_factory.mktemp("towns"), imagines=request.param == "imagines")


@pytest.fixture(scope="module")
def read(towns: Towns) -> dict[str, set[str]]:
    """What each stage reads under any of these settings."""
    found = dict[str, set[str]]()
    for change in ({}, {"method": "hyde+naive"}, {"scorer": "judge"}, {"rescue_depth": 0}, {"curate": False}):
        watched = Watched(**{**dict(towns.settings), **change})
        for stage, names in train(towns.context(watched)).read.items():
            found.setdefault(stage, set()).update(names)
    return found


def first_of(name: str) -> str:
    return "retrievals" if name in DERIVED else CHANGES[name]


def test_the_towns_are_trained_on_for_both_gates(towns: Towns) -> None:
    made = train(towns.context(towns.settings)).tables
    assert set(made["gated_docs"]["gate"]) == {"utility", "rescue"}
    assert made["curated_units"].filter(state="published").height > 2
    assert set(made["questions"]["split"]) == {"train", "validation", "test"}
    assert made["evaluation"].height == 12


@pytest.mark.parametrize("stage", TABLES_IN_ORDER)
def test_a_stage_reads_no_setting_that_would_leave_its_path_as_it_is(read: dict[str, set[str]], stage: str) -> None:
    place = TABLES_IN_ORDER.index(stage)
    excused = set(CHANGES_NO_TABLE) | (SYSTEM if stage == "retrievals" else set())
    late = {
        name for name in read[stage] - excused if not first_of(name) or TABLES_IN_ORDER.index(first_of(name)) > place
    }
    assert not late, f"{stage} reads {late}, which are not in its path"


@pytest.mark.parametrize(
    "setting",
    [setting for setting in CONTENT if setting.name not in ("store", "index", "search")],
    ids=lambda s: s.name,
)
def test_a_setting_is_read_by_the_first_stage_that_it_is_said_to_change(
    read: dict[str, set[str]], setting: Any
) -> None:
    assert setting.name in read[setting.changes], "it is dead, or it changes a later table"


def changed(towns: Towns) -> Iterator[Settings]:
    """The settings, and those that differ from them in one; twice, for HyDE makes more of them matter."""
    for base in (towns.settings, towns.settings.with_(method="hyde+naive")):
        yield base
        for setting in CONTENT:
            value = {"encoder": "other", "method": "hyde:question=no+naive"}.get(setting.name, another_value(setting))
            yield base.with_(**{setting.name: value})
        yield base.with_(top_k=1)
        yield base.with_(tau_s=1.0)


def test_one_path_holds_one_table_whatever_the_settings(towns: Towns) -> None:
    kept: dict[Path, tuple[pl.DataFrame, Settings]] = {}
    for change in ({"encoder": "other"}, {"store": "lancedb"}, {"index": "flat"}, {"search": "hybrid"}):
        towns.index(towns.settings.with_(**change))
    for settings in changed(towns):
        for table, frame in train(towns.context(settings)).tables.items():
            before, by = kept.setdefault(settings.table(table, "towns"), (frame, settings))
            differing = {name for name, value in dict(settings).items() if value != getattr(by, name)}
            assert frame.equals(before), f"{table}: {differing}"


# Experiments: what a stage reads is in the key of its artifact or of what that is made from.

MADE_FROM = {
    "questions": (),
    "retrievals": ("questions",),
    "utility_scores": ("questions", "retrievals"),
    "gated_docs": ("questions", "retrievals", "utility_scores"),
    "knowledge_units": ("gated_docs",),
    "curated_units": ("knowledge_units", "gated_docs"),
    "evaluation": ("questions",),
}


def keys(towns: Towns, settings: Settings) -> dict[str, str]:
    """The artifacts' keys of a trial, by what the stage's table is called."""
    bench = Workbench(settings, Registry.load(settings.home), towns.load_encoder, towns.load_generator)
    trial = Trial("towns", settings)
    alone = bench.passage_scores(trial)
    found = {
        "questions": bench.asked(trial),
        "retrievals": bench.retrievals(trial),
        "utility_scores": bench.utility_scores(trial),
        "gated_docs": bench.gated_docs(trial),
        "knowledge_units": bench.units(trial),
        "curated_units": bench.curated(trial),
        "evaluation": bench.answers(trial, bench.published(trial)),
    }
    return {name: artifact.key for name, artifact in found.items()} | {"passage_scores": alone.key}


def differs(stage: str, one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether the artifact has another key, or something that it is made from has."""
    return one[stage] != other[stage] or any(differs(source, one, other) for source in MADE_FROM[stage])


@pytest.mark.parametrize("method", ["naive", "hyde+naive"])
def test_an_experiment_keeps_apart_what_a_stage_reads(towns: Towns, read: dict[str, set[str]], method: str) -> None:
    base = towns.settings.with_(method=method)
    for change in ({"encoder": "other"}, {"search": "hybrid"}):
        towns.index(base.with_(**change))
    before = keys(towns, base)
    for setting in CONTENT:
        value = {"encoder": "other", "method": "replug"}.get(setting.name, another_value(setting))
        other = base.with_(**{setting.name: value})
        after = keys(towns, other)
        for stage in TABLES_IN_ORDER:
            # Units come to the evaluation as a table, whoever made it: there the settings that it reads itself matter.
            apart = base.variant_of(stage) != other.variant_of(stage)
            if setting.name in read[stage] if stage == "evaluation" else apart:
                assert differs(stage, before, after), f"{stage} goes by {setting.name}"


def test_the_watch_sees_a_read_that_no_path_knows(towns: Towns) -> None:
    """The test above can fail: a generator that goes by a threshold is found out."""

    def peeking(settings: Settings) -> Any:
        assert settings.tau_doc >= 0
        return towns.load_generator(settings)

    context = replace(towns.context(Watched(**dict(towns.settings))), load_generator=peeking)
    assert "tau_doc" in train(context).read["utility_scores"]
