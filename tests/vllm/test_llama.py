"""A random tiny Llama: vLLM in this process against Hugging Face's own arithmetic, then against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vllm.conftest import ENGINE
from tests.vllm.hugging_face import PASSAGES, QUESTIONS, WEIGHTS, Ids, Reference, asked
from wbrag_pipeline.datasets.tasks import FACT_VERIFICATION, OPEN_QA, YES_NO
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.generation.in_process.transformers_engine import TransformersEngine
from wbrag_pipeline.generation.in_process.vllm_engine import VllmEngine
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.sentences import split_sentences


@pytest.mark.parametrize("given", [PASSAGES, []], ids=["naive", "no retrieval"])
def test_greedy_tokens_and_probabilities_equal_hugging_face(
    model: LanguageModel, reference: Reference, given: list[Passage]
) -> None:
    answers = model.answer(QUESTIONS, [given] * len(QUESTIONS), OPEN_QA)
    ended = []
    for question, answer in zip(QUESTIONS, answers, strict=True):
        tokens, probabilities = reference.greedy([reference.ids(asked(question, given))], [1.0])
        assert answer.text == reference.text(tokens)
        assert [p for _, p in answer.token_probabilities] == pytest.approx(probabilities, abs=1e-4)
        assert answer.finished == (len(tokens) < 32)
        ended.append(answer.finished)
    print("answers that ended by themselves:", sum(ended))


def test_next_token_distributions_of_replug_equal_hugging_face(model: LanguageModel, reference: Reference) -> None:
    worst = 0.0
    for question in QUESTIONS:
        rows = model.engine.encode([asked(question, [passage]) for passage in PASSAGES])
        assert rows == [reference.ids(asked(question, [passage])) for passage in PASSAGES]
        found = model.engine.next_tokens(rows, None)
        ours = [
            sum(w * row[t] for w, row in zip(WEIGHTS, found, strict=True) if row)
            for t in range(len(reference.tokenizer))
        ]
        direct = reference.mixed(list(rows), WEIGHTS)
        worst = max(worst, *(abs(a - b) for a, b in zip(ours, direct, strict=True)))
        assert sum(ours) == pytest.approx(1.0, abs=1e-4)
    print("largest difference of a mixed probability:", worst)
    assert worst < 1e-4


def test_replugs_answers_equal_hugging_face(model: LanguageModel, reference: Reference) -> None:
    n = len(QUESTIONS)
    answers = model.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, OPEN_QA)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        rows = [reference.ids(asked(question, [passage])) for passage in PASSAGES]
        tokens, probabilities = reference.greedy(rows, WEIGHTS)
        assert answer.text == reference.text(tokens)
        assert [p for _, p in answer.token_probabilities] == pytest.approx(probabilities, abs=1e-4)


def test_an_ensemble_of_one_is_the_naive_answer(model: LanguageModel) -> None:
    one = [[PASSAGES[0]]] * len(QUESTIONS)
    naive = model.answer(QUESTIONS, one, OPEN_QA)
    ensemble = model.answer_ensemble(QUESTIONS, one, [[1.0]] * len(QUESTIONS), OPEN_QA)
    assert [a.text for a in naive] == [a.text for a in ensemble]
    assert [a.finished for a in naive] == [a.finished for a in ensemble]


@pytest.mark.parametrize("task", [YES_NO, FACT_VERIFICATION], ids=lambda task: task.name)
def test_choice_tasks_answer_with_a_choice(model: LanguageModel, reference: Reference, task: Any) -> None:
    n = len(QUESTIONS)
    for answer in model.answer(QUESTIONS, [PASSAGES] * n, task):
        assert answer.text in task.choices and answer.finished
    for question, answer in zip(
        QUESTIONS, model.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, task), strict=True
    ):
        rows = [reference.ids(asked(question, [passage], task)) for passage in PASSAGES]
        assert answer.text == constrained(reference, rows, task.choices)


def constrained(reference: Reference, rows: list[Ids], choices: tuple[str, ...]) -> str:
    """Greedy over the mixture, held to the tokens of the choices."""
    coded = [tuple(reference.tokenizer.encode(choice, add_special_tokens=False)) for choice in choices]
    so_far: Ids = ()
    while so_far not in coded:
        mixture = reference.mixed([ids + so_far for ids in rows], WEIGHTS)
        allowed = {c[len(so_far)] for c in coded if c[: len(so_far)] == so_far and len(c) > len(so_far)}
        so_far += (max(allowed, key=lambda t: (mixture[t], -t)),)
    return choices[coded.index(so_far)]


def test_verdicts_are_the_models_own_probabilities(model: LanguageModel, reference: Reference) -> None:
    n = len(QUESTIONS)
    verdicts = model.assess(QUESTIONS, [PASSAGES[0]] * n, ["Warsaw"] * n, OPEN_QA)
    for question, verdict in zip(QUESTIONS, verdicts, strict=True):
        asked_for = prompts.verdict_prompts(question, PASSAGES[0], "Warsaw", OPEN_QA)
        expected = [reference.yes_share(Request(messages, 4)) for messages in asked_for]
        assert not verdict.failed
        assert [verdict.relevant, verdict.supported, verdict.useful] == pytest.approx(expected, abs=1e-3)
    assert model.usage.verdicts_unread == 0


def test_it_goes_on_from_a_beginning(model: LanguageModel, reference: Reference) -> None:
    (answer,) = model.look_ahead(QUESTIONS[:1], [PASSAGES], ["Marie Curie was"], OPEN_QA)
    request = Request(prompts.answer_prompt(QUESTIONS[0], PASSAGES, OPEN_QA), 32, prefix="Marie Curie was")
    tokens, _ = reference.greedy([reference.ids(request)], [1.0])
    assert answer.text == reference.text(tokens)


def test_long_passages_are_left_out_and_units_are_made(model: LanguageModel) -> None:
    long = Passage("4", "Long", "Radium was found. " * 1000)
    before = model.usage.passages_dropped
    with_, without = (model.answer(QUESTIONS[:1], [row], OPEN_QA)[0] for row in ([*PASSAGES, long], PASSAGES))
    assert with_ == without
    (lost,) = model.answer(["word " * 4000], [PASSAGES], OPEN_QA)
    assert lost.failed
    assert model.usage.passages_dropped == before + 1 + len(PASSAGES)
    assert model.answer_ensemble(QUESTIONS[:1], [[PASSAGES[0], long]], [[0.5, 0.5]], OPEN_QA) == model.answer_ensemble(
        QUESTIONS[:1], [[PASSAGES[0]]], [[1.0]], OPEN_QA
    )
    # A random model writes nothing that looks like a unit, so its units are selected and not written.
    (unit,) = model.distill(QUESTIONS[:1], [PASSAGES])
    given = " ".join(passage.text for passage in PASSAGES)
    assert unit.written_by == "extractive_fallback"
    assert unit.text and all(sentence in given for sentence in split_sentences(unit.text))


def test_one_model_a_process(model: LanguageModel, gemma: Path) -> None:
    model.answer(QUESTIONS[:1], [[]], OPEN_QA)
    with pytest.raises(InputError, match="already runs"):
        VllmEngine.named(f"vllm:{gemma}", ENGINE).count_tokens(["x"])


# The same model behind a real server.


def test_the_server_can_do_everything(served: LanguageModel, caplog: pytest.LogCaptureFixture) -> None:
    found = served.engine.capabilities
    assert (found.logprobs, found.structured, found.continues, found.distributions) == (20, True, True, True)
    assert not caplog.messages


def test_both_engines_give_the_same_answers(model: LanguageModel, served: LanguageModel) -> None:
    n = len(QUESTIONS)
    for task in (OPEN_QA, YES_NO, FACT_VERIFICATION):
        for given in ([PASSAGES] * n, [[]] * n):
            for ours, theirs in zip(
                model.answer(QUESTIONS, given, task), served.answer(QUESTIONS, given, task), strict=True
            ):
                assert (ours.text, ours.finished) == (theirs.text, theirs.finished)
                assert [p for _, p in ours.token_probabilities] == pytest.approx(
                    [p for _, p in theirs.token_probabilities], abs=1e-4
                )
        ensembles = [m.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, task) for m in (model, served)]
        assert [a.text for a in ensembles[0]] == [a.text for a in ensembles[1]]
        for ours, theirs in zip(*ensembles, strict=True):
            assert ours.probability == pytest.approx(theirs.probability, abs=1e-4)
    verdicts = [m.assess(QUESTIONS, [PASSAGES[0]] * n, ["Warsaw"] * n, OPEN_QA) for m in (model, served)]
    for one, other in zip(*verdicts, strict=True):
        assert (one.relevant, one.supported, one.useful) == pytest.approx(
            (other.relevant, other.supported, other.useful), abs=1e-4
        )
    begun = [m.look_ahead(QUESTIONS[:1], [PASSAGES], ["Marie Curie was"], OPEN_QA)[0].text for m in (model, served)]
    assert begun[0] == begun[1]
    assert model.count_tokens(QUESTIONS) == served.count_tokens(QUESTIONS)


def test_the_transformers_engine_gives_vllms_answers(model: LanguageModel, llama: Path) -> None:
    """The same weights in fp32, in another program: greedy answers, choices, ensembles and verdicts are the same."""
    other, n = LanguageModel(TransformersEngine(str(llama), "", {"dtype": "float32"})), len(QUESTIONS)
    for task in (OPEN_QA, YES_NO, FACT_VERIFICATION):
        for given in ([PASSAGES] * n, [[]] * n):
            pairs = zip(model.answer(QUESTIONS, given, task), other.answer(QUESTIONS, given, task), strict=True)
            for theirs, ours in pairs:
                assert (ours.text, ours.finished) == (theirs.text, theirs.finished)
                if task is OPEN_QA:
                    found = [p for _, p in theirs.token_probabilities]
                    assert [p for _, p in ours.token_probabilities] == pytest.approx(found, abs=1e-4)
        ensembles = [m.answer_ensemble(QUESTIONS, [PASSAGES] * n, [WEIGHTS] * n, task) for m in (model, other)]
        assert [a.text for a in ensembles[0]] == [a.text for a in ensembles[1]]
    verdicts = [m.assess(QUESTIONS, [PASSAGES[0]] * n, ["Warsaw"] * n, OPEN_QA) for m in (model, other)]
    for one, two in zip(*verdicts, strict=True):
        assert (one.relevant, one.supported, one.useful) == pytest.approx(
            (two.relevant, two.supported, two.useful), abs=1e-3
        )
    begun = [m.look_ahead(QUESTIONS[:1], [PASSAGES], ["Marie Curie was"], OPEN_QA)[0].text for m in (model, other)]
    assert begun[0] == begun[1]


def test_both_engines_sample_the_same_for_a_seed(model: LanguageModel, served: LanguageModel) -> None:
    def sample(made: LanguageModel, seed: int) -> list[str]:
        found: dict[int, Completion] = {}
        requests = [Request((Message("user", q),), 24, temperature=0.9, seed=seed) for q in QUESTIONS]
        made.engine.complete(requests, found.__setitem__)
        return [found[i].text for i in range(len(requests))]

    assert sample(model, 11) == sample(served, 11)
    assert sample(model, 11) == sample(model, 11)
    assert sample(model, 11) != sample(model, 12)


def test_the_server_says_when_a_prompt_does_not_fit(served: LanguageModel) -> None:
    long = Passage("4", "Long", "Radium was found. " * 1000)
    with_, without = (served.answer(QUESTIONS[:1], [row], OPEN_QA)[0] for row in ([*PASSAGES, long], PASSAGES))
    assert with_ == without
    assert served.answer_ensemble(QUESTIONS[:1], [[PASSAGES[0], long]], [[0.5, 0.5]], OPEN_QA)[0].text
    assert served.usage.passages_dropped == 2
