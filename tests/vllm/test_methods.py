"""FLARE and Self-RAG on the tiny Llama against traces worked out by hand; then all methods on both engines."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.vllm.hugging_face import PASSAGES, QUESTIONS, Reference, asked
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.engine_protocol import Request
from wbrag_pipeline.generation.generator import Answer, Passage
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.methods import method_named
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.self_rag import SelfRag
from wbrag_pipeline.sentences import split_sentences

FIRST, LATER = PASSAGES[:1], PASSAGES[1:]
Sentence = tuple[str, list[tuple[str, float]]]


def ahead_by_hand(reference: Reference, question: str, given: list[Passage], so_far: str) -> list[Sentence]:
    """The sentences that come next, each with its tokens and their probabilities."""
    ids = reference.ids(replace(asked(question, given), prefix=so_far))
    tokens, probabilities = reference.greedy([ids], [1.0])
    pieces = [reference.tokenizer.decode([token]) for token in tokens]
    left = [(piece, p) for piece, p in zip(pieces, probabilities, strict=True) if piece.strip()]
    made, wanted = [], 0
    for sentence in split_sentences("".join(pieces).strip()):
        wanted += len("".join(sentence.split()))
        its: list[tuple[str, float]] = []
        while wanted > 0 and left:
            its.append(left.pop(0))
            wanted -= len(its[-1][0].strip())
        made.append((sentence, its))
    return made or [("", [])]


def least(sentence: Sentence) -> float:
    return min((p for _, p in sentence[1]), default=0.0)


def flare_by_hand(reference: Reference, question: str, theta: float, beta: float, rounds: int) -> tuple[str, list[str]]:
    """The answer and the queries on the way to it (Jiang et al., section 3.2; docs/explanation/rag-methods.md)."""
    written: list[str] = []
    queries: list[str] = []
    ahead = ahead_by_hand(reference, question, FIRST, "")
    for _ in range(rounds):
        while ahead and least(ahead[0]) >= theta:
            written.append(ahead.pop(0)[0])
        if not ahead:
            break
        kept = "".join(piece if p >= beta else " " for piece, p in ahead[0][1])
        queries.append(" ".join(f"{question} {kept}".split()))
        ahead = ahead_by_hand(reference, question, LATER, " ".join(filter(None, written)))
        written.append(ahead.pop(0)[0])
    return " ".join(filter(None, [*written, *(sentence for sentence, _ in ahead)])), queries


def flare(model: LanguageModel, method: Flare) -> tuple[list[str], list[list[str]]]:
    """Answers, and the queries by round."""
    asked_for: list[list[str]] = []

    def retrieve(queries: Sequence[str]) -> list[list[Passage]]:
        asked_for.append(list(queries))
        return [LATER for _ in queries]

    answers = method.answer(model, QUESTIONS, [FIRST] * len(QUESTIONS), OPEN_QA, retrieve)
    return [answer.text for answer in answers], asked_for


@pytest.fixture(scope="module")
def unsure(reference: Reference) -> float:
    """A theta under which about half of the first sentences fall."""
    return statistics.median(least(ahead_by_hand(reference, question, FIRST, "")[0]) for question in QUESTIONS)


def test_flares_traces_are_those_worked_out_by_hand(model: LanguageModel, reference: Reference, unsure: float) -> None:
    beta = unsure * 1.5
    expected = [flare_by_hand(reference, question, unsure, beta, 3) for question in QUESTIONS]
    answers, queries = flare(model, Flare(unsure, beta, 3))
    assert answers == [text for text, _ in expected]
    by_round = [[one[n] for _, one in expected if len(one) > n] for n in range(3)]
    assert queries == [some for some in by_round if some]
    # Some searched and some did not; a search changed what was said; something was masked, and something was not.
    searched = [question for question, (_, one) in zip(QUESTIONS, expected, strict=True) if one]
    assert 0 < len(searched) < len(QUESTIONS)
    without = [ahead_by_hand(reference, question, FIRST, "") for question in QUESTIONS]
    assert any(" ".join(s for s, _ in ahead) != text for ahead, (text, _) in zip(without, expected, strict=True))
    assert any(p < beta for ahead in without for _, p in ahead[0][1])
    assert any(query != question for question, (_, one) in zip(QUESTIONS, expected, strict=True) for query in one)


def self_rag_by_hand(reference: Reference, question: str, threshold: float) -> str:
    """Asai et al., algorithm 1 and section 3.3: weights 1, 1 and 0.5, the answer's probability on top."""
    if reference.yes_share(Request(prompts.retrieve_prompt(question, OPEN_QA), 4)) <= threshold:
        return reference.text(reference.greedy([reference.ids(asked(question, []))], [1.0])[0])
    best = (-math.inf, "")
    for passage in PASSAGES:
        tokens, probabilities = reference.greedy([reference.ids(asked(question, [passage]))], [1.0])
        text = reference.text(tokens)
        questions = prompts.verdict_prompts(question, passage, text, OPEN_QA)
        relevant, supported, useful = (reference.yes_share(Request(messages, 4)) for messages in questions)
        # No word is no answer, and none that is sure.
        certainty = math.prod(probabilities) if probabilities else 0.0
        score = certainty + relevant + supported + 0.5 * useful
        best = max(best, (score, text), key=lambda pair: pair[0])
    return best[1]


def test_self_rags_traces_are_those_worked_out_by_hand(model: LanguageModel, reference: Reference) -> None:
    wanted = [reference.yes_share(Request(prompts.retrieve_prompt(question, OPEN_QA), 4)) for question in QUESTIONS]
    threshold = statistics.median(wanted)
    assert 0 < sum(p > threshold for p in wanted) < len(wanted)
    answers = SelfRag(threshold).answer(model, QUESTIONS, [PASSAGES] * len(QUESTIONS), OPEN_QA)
    assert [answer.text for answer in answers] == [self_rag_by_hand(reference, q, threshold) for q in QUESTIONS]


def test_all_methods_answer_alike_on_both_engines(
    model: LanguageModel, served: LanguageModel, reference: Reference, unsure: float
) -> None:
    methods: list[Method] = [NaiveRag(), Flare(unsure, unsure), SelfRag(), *map(method_named, ("none", "replug"))]
    for method in methods:
        found: list[list[Answer]] = [
            method.answer(one, QUESTIONS, [PASSAGES] * len(QUESTIONS), OPEN_QA, lambda qs: [LATER for _ in qs])
            for one in (model, served)
        ]
        assert [a.text for a in found[0]] == [a.text for a in found[1]], method.name
        for ours, theirs in zip(*found, strict=True):
            assert ours.probability == pytest.approx(theirs.probability, abs=1e-4), method.name
    assert flare(model, Flare(unsure, unsure)) == flare(served, Flare(unsure, unsure))
    assert model.imagine(QUESTIONS) == served.imagine(QUESTIONS)
