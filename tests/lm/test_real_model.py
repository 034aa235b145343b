"""All methods, and the whole pipeline, on a real language model: the same answers on every engine."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.lm.conftest import Served
from tests.pipeline.conftest import PLACES, write_tiny
from wbrag_pipeline.commands.pipeline import run_pipeline
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.generation.engines import load_generator
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.settings import Settings

METHODS = ["naive", "replug", "self_rag", "flare:theta=0.6,rounds=1"]
# Without examples so small a model speaks of "the passage" instead of answering.
FEWSHOT = 4
TOWNS = list(PLACES)[:1]
QUESTIONS = [f"Who founded {town}?" for town in TOWNS]
PASSAGES = [
    [
        Passage("1", town, f"{town} is a town on the river {river}. It was founded by {founder} in {year}.", 0.8),
        Passage("2", f"Trade of {town}", f"For two centuries {town} lived from {goods}.", 0.6),
    ]
    for town, (founder, year, goods, river) in PLACES.items()
    if town in TOWNS
]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_answers_alike_on_all_engines(engines: dict[str, Served], method: str) -> None:
    found = {}
    for name, served in engines.items():
        model = load_generator(served.generator, None, served.arguments, num_fewshot=FEWSHOT)
        made = method_named(method).answer(
            model, QUESTIONS, PASSAGES, OPEN_QA, lambda asked: [PASSAGES[0]] * len(asked)
        )
        found[name] = [answer.text for answer in made]
    assert found["transformers"] == found["vllm"] == found["llama.cpp"], found
    assert any(PLACES[town][0] in text for town, text in zip(TOWNS, found["vllm"], strict=True)), found


def test_choices_and_verdicts_are_alike_on_all_engines(engines: dict[str, Served]) -> None:
    asked = [f"Was {town} founded by {PLACES[town][0]}?" for town in TOWNS]
    found = {}
    for name, served in engines.items():
        model = load_generator(served.generator, None, served.arguments, num_fewshot=FEWSHOT)
        answers = [answer.text for answer in model.answer(asked, PASSAGES, YES_NO)]
        verdicts = [(v.supports, v.refutes) for v in model.verify([f"{PASSAGES[0][0].text}"], PASSAGES[:1])]
        found[name] = (answers, verdicts)
    assert found["transformers"] == found["vllm"] == found["llama.cpp"], found
    assert set(found["vllm"][0]) <= set(YES_NO.choices)


TABLES = ("utility_scores", "gated_docs", "knowledge_units", "curated_units", "evaluation")
# Whose units they are, and since when they are known.
BESIDE = ("distiller", "known_from", "known_until")


def test_the_whole_pipeline_makes_the_same_tables_on_all_engines(engines: dict[str, Served], tmp_path: Path) -> None:
    corpus, train, test = write_tiny(tmp_path / "files")
    found = {}
    for name, served in engines.items():
        settings = Settings(
            home=tmp_path / name,
            generator=served.generator,
            engine_arguments=served.arguments,
            num_fewshot=FEWSHOT,
            top_k=2,
            rescue_depth=0,
            validation_share=0.0,
            limit=2,
        )
        add_corpus(settings.home, "towns", corpus)
        add_benchmark(settings.home, "towns", task="open_qa", corpus="towns", train=train, test=test)
        run_pipeline(settings, ["towns"])
        tables = {table: pl.read_parquet(settings.table(table, "towns")) for table in TABLES}
        assert tables["evaluation"].height == 2 and tables["knowledge_units"].height > 0
        found[name] = {table: rows.drop(*BESIDE, strict=False).to_dicts() for table, rows in tables.items()}
    for table in TABLES:
        assert found["transformers"][table] == found["vllm"][table] == found["llama.cpp"][table], table
