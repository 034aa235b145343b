"""All methods, and the whole pipeline, on a real language model: the same answers on every engine."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.lm.conftest import Served, seconds_since
from tests.pipeline.conftest import PLACES
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.generation.engines import load_generator
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.rag.methods import method_named

METHODS = ["naive", "replug", "self_rag", "flare:theta=0.6,rounds=1"]
# Without examples so small a model speaks of "the passage" instead of answering.
FEWSHOT = 4
TOWNS = list(PLACES)[:2]
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
def test_a_method_answers_alike_on_all_engines(
    engines: dict[str, Served], method: str, record_property: Callable[[str, object], None]
) -> None:
    found = {}
    for name, served in engines.items():
        began = time.monotonic()
        model = load_generator(served.generator, None, served.arguments, num_fewshot=FEWSHOT)
        made = method_named(method).answer(
            model, QUESTIONS, PASSAGES, OPEN_QA, lambda asked: [PASSAGES[0]] * len(asked)
        )
        found[name] = [answer.text for answer in made]
        record_property(name, seconds_since(began))
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
