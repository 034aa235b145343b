"""``wbrag experiment`` leaves out what was forgotten, as ``wbrag run`` does."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import pytest

from tests.evaluation.experiments.conftest import World, write_jsonl
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.tombstones import Tombstones, add_tombstones, text_hashes
from wbrag_pipeline.forgetting.forget import forget
from wbrag_pipeline.generation.generator import Distillate, Passage


@pytest.fixture(autouse=True)
def _every_question_its_own_unit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def distill(questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        return [Distillate(f"of {question}", str(float(question))) for question in questions]

    monkeypatch.setattr(world.generator, "distill", distill)


def ids_in_cache(world: World) -> str:
    files = sorted(world.settings.layout.experiments.rglob("*.parquet"))
    return json.dumps([pl.read_parquet(file).to_dicts() for file in files], default=str)


def test_an_experiment_makes_a_forgotten_unit_no_more(world: World) -> None:
    bench = world.open()
    units = bench.units(world.trial).read()
    bench.evaluation(world.trial, bench.published(world.trial))
    gone = units["unit_id"][0]
    assert units.height > 1 and gone in ids_in_cache(world)
    forget(world.settings, "unit", [gone])
    assert gone not in ids_in_cache(world)
    again = world.open()
    made, published = again.units(world.trial).read(), again.published(world.trial)
    again.evaluation(world.trial, published)
    assert gone not in [*made["unit_id"], *published["unit_id"]] and published.height
    assert gone not in ids_in_cache(world)


def test_an_experiment_makes_none_of_its_evidence_after_a_log_without_ids_was_renumbered(world: World) -> None:
    """One row on top, and every question has another id."""
    train = Registry.load(world.settings.home).benchmark("compass").train
    asked = [json.loads(line)["question"] for line in train.read_text(encoding="utf-8").splitlines()]
    write_jsonl(train, [{"question": text, "golden_answers": ["yes"]} for text in asked])
    units = world.open().units(world.trial).read()
    gone = units.row(0, named=True)
    forget(world.settings, "unit", [gone["unit_id"]])
    write_jsonl(train, [{"question": text, "golden_answers": ["yes"]} for text in ("89.5", *asked)])
    again = world.open().units(world.trial).read()
    assert set(again["question_id"]) != set(units["question_id"])
    assert again.height and gone["question"] not in again["question"].to_list()


def test_a_unit_that_curation_would_cut_to_a_forgotten_text_is_none(world: World) -> None:
    bench = world.open()
    text = bench.units(world.trial).read()["text"][0]
    assert text in bench.curated(world.trial).read()["text"]
    add_tombstones(world.settings.home, Tombstones(units=frozenset(text_hashes(pl.Series([text])))))
    assert text not in world.open().curated(world.trial).read()["text"]


def test_questions_and_passages_that_were_forgotten_are_in_no_table_of_an_experiment(world: World) -> None:
    bench = world.open()
    bench.evaluation(world.trial, bench.published(world.trial))
    tables.QUESTIONS.store(bench.asked(world.trial).read(), world.settings, "compass")
    forget(world.settings, "passage", ["a"])
    forget(world.settings, "question", ["train_58"])
    held = ids_in_cache(world)
    assert '"corpus:a"' not in held and '"a"' not in held and '"train_58"' not in held
    assert set(tables.PASSAGES.load(world.settings, "compass")["passage_id"]) == {"b", "c", "d"}
