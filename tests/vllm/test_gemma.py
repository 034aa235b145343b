"""A random tiny Gemma 3 behind a real server: the same methods, the other architecture of the paper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.vllm.conftest import serve
from tests.vllm.hugging_face import PASSAGES, QUESTIONS, WEIGHTS, Reference, asked
from wbrag_pipeline.datasets.tasks import OPEN_QA, YES_NO
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.reflection import RELEVANT_TOKENS, RETRIEVE_TOKENS, SUPPORTED_TOKENS, USEFUL_TOKENS
from wbrag_pipeline.generation.writing import prompts


@pytest.fixture(scope="module")
def served_gemma(gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageModel]:
    for name in serve(gemma, tmp_path_factory.mktemp("server") / "log"):
        yield LanguageModel(OpenAIEndpoint.named(name, {"in_flight": 8}))


def test_naive_and_replug_equal_hugging_face(served_gemma: LanguageModel, gemma: Path) -> None:
    reference, n = Reference(gemma), len(QUESTIONS)
    naive = served_gemma.answer(QUESTIONS, [PASSAGES] * n, OPEN_QA)
    mixed = served_gemma.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, OPEN_QA)
    for question, one, other in zip(QUESTIONS, naive, mixed, strict=True):
        tokens, probabilities = reference.greedy([reference.ids(asked(question, PASSAGES))], [1.0])
        assert one.text == reference.text(tokens)
        assert [p for _, p in one.token_probabilities] == pytest.approx(probabilities, abs=1e-4)
        tokens, _ = reference.greedy([reference.ids(asked(question, [p])) for p in PASSAGES], WEIGHTS)
        assert other.text == reference.text(tokens)
    assert all(answer.text in YES_NO.choices for answer in served_gemma.answer(QUESTIONS, [PASSAGES] * n, YES_NO))


def test_reflection_tokens_are_read_as_hugging_face_has_them(served_gemma: LanguageModel, gemma: Path) -> None:
    reference, passage, n = Reference(gemma), PASSAGES[0], len(QUESTIONS)

    def worth(question: str, prefix: str, group: Mapping[str, float]) -> float:
        request = Request(prompts.answer_prompt(question, (), OPEN_QA), 1, prefix=prefix)
        row = reference.probabilities(reference.ids(request))
        shares = [row[reference.tokenizer.convert_tokens_to_ids(word)] for word in group]
        return math.fsum(p * w for p, w in zip(shares, group.values(), strict=True)) / math.fsum(shares)

    begun = f"[Retrieval]<paragraph>{passage.title}\n{passage.text}</paragraph>"
    said = f"{begun}[Relevant]Warsaw"
    wanted = served_gemma.wants_retrieval(QUESTIONS, OPEN_QA)
    verdicts = served_gemma.assess(QUESTIONS, [passage] * n, ["Warsaw"] * n, OPEN_QA)
    for question, retrieve, verdict in zip(QUESTIONS, wanted, verdicts, strict=True):
        assert retrieve == pytest.approx(worth(question, "", RETRIEVE_TOKENS), abs=1e-4)
        expected = [worth(question, begun, RELEVANT_TOKENS), worth(question, said, SUPPORTED_TOKENS)]
        expected.append(worth(question, f"{said}[Fully supported]", USEFUL_TOKENS))
        assert [verdict.relevant, verdict.supported, verdict.useful] == pytest.approx(expected, abs=1e-4)
