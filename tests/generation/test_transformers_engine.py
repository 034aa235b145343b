"""The transformers engine on random tiny models: the protocol's suite, and the same model one prompt at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
import torch

from tests.tiny_models import make_model
from tests.vllm.hugging_face import PASSAGES, QUESTIONS, WEIGHTS, Reference, asked
from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA, YES_NO
from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.generation.engine_protocol import Completion, Engine, Message, Request
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.in_process import causal_model, decoding, token_batch, transformers_engine
from wbrag_pipeline.generation.in_process.transformers_engine import TransformersEngine
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.testing import EngineConformance
from wbrag_pipeline.testing.engine_conformance import REQUESTS

pytestmark = pytest.mark.filterwarnings("default")
EXACT: dict[str, Any] = {"dtype": "float32"}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model("gemma", tmp_path_factory.mktemp("gemma"))


@pytest.fixture(scope="module")
def reference(llama: Path) -> Reference:
    return Reference(llama)


@pytest.fixture(scope="module")
def model(llama: Path) -> LanguageModel:
    return LanguageModel(TransformersEngine.named(f"transformers:{llama}", EXACT))


@pytest.fixture(scope="class")
def folders(request: pytest.FixtureRequest, llama: Path, gemma: Path) -> None:
    request.cls.llama, request.cls.gemma = llama, gemma


@pytest.mark.usefixtures("folders")
class TestConformance(EngineConformance):
    arguments = EXACT
    llama: ClassVar[Path]
    gemma: ClassVar[Path]

    def make(self) -> Engine:
        return TransformersEngine.named(f"transformers:{self.llama}", EXACT)

    def others(self) -> Sequence[Engine]:
        return [TransformersEngine(str(self.llama), "", {"dtype": "bfloat16"}), TransformersEngine(str(self.gemma))]

    def too_long(self) -> Request:
        return replace(REQUESTS[0], messages=(Message("user", "passages about radium " * 2000),))


@pytest.mark.parametrize("given", [PASSAGES, []], ids=["naive", "no retrieval"])
def test_greedy_tokens_and_probabilities_equal_plain_transformers(
    model: LanguageModel, reference: Reference, given: list[Passage]
) -> None:
    answers = model.answer(QUESTIONS, [given] * len(QUESTIONS), OPEN_QA)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        tokens, probabilities = reference.greedy([reference.ids(asked(question, given))], [1.0])
        assert answer.text == reference.text(tokens)
        assert [p for _, p in answer.token_probabilities] == pytest.approx(probabilities, abs=1e-4)
        assert answer.finished == (len(tokens) < 32)


def test_layers_that_look_back_by_windows_are_computed_alike(gemma: Path) -> None:
    """Gemma's windows are of 64 tokens, and the prompts are longer: no beginning is shared, and padding is no token."""
    by_hand, model = Reference(gemma), LanguageModel(TransformersEngine.named(f"transformers:{gemma}", EXACT))
    answers = model.answer(QUESTIONS, [PASSAGES[: i % 3] for i in range(len(QUESTIONS))], OPEN_QA)
    for place, (question, answer) in enumerate(zip(QUESTIONS, answers, strict=True)):
        tokens, probabilities = by_hand.greedy([by_hand.ids(asked(question, PASSAGES[: place % 3]))], [1.0])
        assert answer.text == by_hand.text(tokens).rstrip("\ufffd").strip()
        assert [p for _, p in answer.token_probabilities] == pytest.approx(probabilities, abs=1e-4)


def test_replug_is_exact_and_reads_each_prompt_once(model: LanguageModel, reference: Reference) -> None:
    n = len(QUESTIONS)
    answers = model.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, OPEN_QA)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        rows = [reference.ids(asked(question, [passage])) for passage in PASSAGES]
        tokens, probabilities = reference.greedy(rows, WEIGHTS)
        assert answer.text == reference.text(tokens)
        assert [p for _, p in answer.token_probabilities] == pytest.approx(probabilities, abs=1e-4)


def test_a_prompt_that_grows_by_a_token_costs_one_step(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = model.engine
    prompts = engine.encode([asked(question, PASSAGES) for question in QUESTIONS])
    first = engine.next_tokens(prompts, 1)
    made: list[int] = []
    real = token_batch.TokenBatch.__init__

    def counted(self: Any, of: Any, given: Any) -> None:
        made.append(len(given))
        real(self, of, given)

    monkeypatch.setattr(token_batch.TokenBatch, "__init__", counted)
    longer = [ids + tuple(row or ()) for ids, row in zip(prompts, first, strict=True)]
    whole = engine.next_tokens(longer[1:], None)  # one has ended, and the others go on
    again = engine.next_tokens(longer[2:4], None)  # asked for once more
    assert made == [] and again == whole[1:3]
    alone = engine.next_tokens([longer[4]], None)
    fresh = TransformersEngine.named(engine.name, EXACT).next_tokens([longer[4]], None)
    assert max(abs(a - b) for a, b in zip(alone[0].values(), fresh[0].values(), strict=True)) < 1e-5  # type: ignore[union-attr]


@pytest.mark.parametrize("task", [YES_NO, FACT_VERIFICATION], ids=lambda task: task.name)
def test_choice_tasks_answer_with_a_choice(model: LanguageModel, task: Any) -> None:
    for answer in model.answer(QUESTIONS, [PASSAGES] * len(QUESTIONS), task):
        assert answer.text in task.choices and answer.finished


def test_a_shared_beginning_changes_no_answer(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def texts() -> list[str]:
        engine = TransformersEngine(str(llama), "", EXACT)
        found: dict[int, Completion] = {}
        engine.complete([asked(question, PASSAGES) for question in QUESTIONS], found.__setitem__)
        return [found[place].text for place in range(len(QUESTIONS))]

    sharing = texts()
    monkeypatch.setattr(token_batch, "_WORTH_SHARING", 10**9)
    assert texts() == sharing


def test_sampling_goes_by_each_requests_own_seed(model: LanguageModel) -> None:
    def sample(seed: int, questions: Sequence[str]) -> list[str]:
        found: dict[int, Completion] = {}
        requests = [Request((Message("user", q),), 24, temperature=0.9, seed=seed) for q in questions]
        model.engine.complete(requests, found.__setitem__)
        return [found[i].text for i in range(len(requests))]

    assert sample(11, QUESTIONS) == sample(11, QUESTIONS) != sample(12, QUESTIONS)
    assert sample(11, QUESTIONS[:1]) == sample(11, QUESTIONS)[:1]


def test_the_vocabulary_is_multiplied_once_and_not_row_by_row(model: LanguageModel) -> None:
    # torch copies the weights for each row of an input that is a slice: 400 times slower with 150,000 tokens.
    network = cast(TransformersEngine, model.engine)._model.network
    given: list[bool] = []
    hook = network.get_output_embeddings().register_forward_pre_hook(lambda _, x: given.append(x[0].is_contiguous()))
    model.answer(QUESTIONS, [PASSAGES] * len(QUESTIONS), OPEN_QA)
    hook.remove()
    assert given and all(given)


def test_a_completion_that_repeats_itself_is_ended_there(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    # A random model does not repeat itself, so the same three tokens are chosen for it again and again.
    chosen = itertools.cycle(model.engine.encode([Request((Message("user", "la la li"),), 1)])[0][-3:])
    monkeypatch.setattr(decoding, "_choose", lambda scores, rows, *_: [next(chosen) for _ in rows])
    asked, arrived = Request((Message("user", "Sing."),), 40), list[Completion]()
    for request in (asked, replace(asked, end_loops=True)):
        model.engine.complete([request], lambda _, completion: arrived.append(completion))
    assert [(made.completion_tokens, made.finish_reason) for made in arrived] == [(40, "length"), (12, "length")]
    assert arrived[0].text.startswith(arrived[1].text)


def test_a_batch_that_does_not_fit_the_memory_is_halved_until_it_does(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: dict[int, Completion] = {}
    TransformersEngine(str(llama), "", EXACT).complete(REQUESTS, whole.__setitem__)
    tried: list[int] = []
    real = transformers_engine.decode

    def little_room(loaded: Any, texts: Any, prompts: Any, requests: Any) -> Any:
        tried.append(len(prompts))
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return real(loaded, texts, prompts, requests)

    monkeypatch.setattr(transformers_engine, "decode", little_room)
    found: dict[int, Completion] = {}
    TransformersEngine(str(llama), "", EXACT).complete(REQUESTS, found.__setitem__)
    assert tried == [5, 2, 3, 1, 2]
    assert {i: c.text for i, c in found.items()} == {i: c.text for i, c in whole.items()}


def test_one_prompt_that_does_not_fit_the_memory_fails_alone(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = transformers_engine.decode

    def no_room_for_the_first(loaded: Any, texts: Any, prompts: Any, requests: Any) -> Any:
        if REQUESTS[0] in requests:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")
        return real(loaded, texts, prompts, requests)

    monkeypatch.setattr(transformers_engine, "decode", no_room_for_the_first)
    found: dict[int, Completion] = {}
    TransformersEngine(str(llama), "", EXACT).complete(REQUESTS, found.__setitem__)
    assert [place for place in range(len(REQUESTS)) if found[place].failed] == [0]


def test_batches_hold_the_tokens_at_once_and_keep_like_lengths_together() -> None:
    assert list(token_batch.batches_by_length([10, 90, 20, 30, 80], 100)) == [[1], [4], [3, 2, 0]]
    assert list(token_batch.batches_by_length([500], 100)) == [[0]]
    assert list(token_batch.batches_by_length([], 100)) == []


def test_a_model_that_is_not_there_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot be loaded"):
        TransformersEngine(str(tmp_path / "nothing")).count_tokens(["a"])
    with pytest.raises(InputError, match="takes no tensor_parallel_size"):
        TransformersEngine("m", "", {"tensor_parallel_size": 2})
    with pytest.raises(InputError, match="no dtype 'int8x'"):
        TransformersEngine(str(tmp_path), "", {"dtype": "int8x"}).count_tokens(["a"])
    monkeypatch.setattr(causal_model.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPartError, match=r"wbrag-pipeline\[gguf\]"):
        TransformersEngine(str(tmp_path / "model.gguf")).count_tokens(["a"])
