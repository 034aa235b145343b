"""A random tiny Gemma 3 behind a real server: the same methods, the other architecture of the paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.conftest import serve
from tests.vllm.test_llama import PASSAGES, QUESTIONS, WEIGHTS, Reference, asked
from wbrag_pipeline.benchmarks.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.openai_endpoint import OpenAIEndpoint


@pytest.fixture(scope="module")
def served(gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageModel]:
    for name in serve(gemma, tmp_path_factory.mktemp("server") / "log"):
        yield LanguageModel(OpenAIEndpoint.named(name, {"in_flight": 8}))


def test_naive_and_replug_equal_hugging_face(served: LanguageModel, gemma: Path) -> None:
    reference, n = Reference(gemma), len(QUESTIONS)
    naive = served.answer(QUESTIONS, [PASSAGES] * n, OPEN_QA)
    mixed = served.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, OPEN_QA)
    for question, one, other in zip(QUESTIONS, naive, mixed, strict=True):
        tokens, probabilities = reference.greedy([reference.ids(asked(question, PASSAGES))], [1.0])
        assert one.text == reference.text(tokens)
        assert [p for _, p in one.token_probabilities] == pytest.approx(probabilities, abs=1e-4)
        tokens, _ = reference.greedy([reference.ids(asked(question, [p])) for p in PASSAGES], WEIGHTS)
        assert other.text == reference.text(tokens)
    assert all(answer.text in YES_NO.choices for answer in served.answer(QUESTIONS, [PASSAGES] * n, YES_NO))
