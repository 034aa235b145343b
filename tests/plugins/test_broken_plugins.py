"""Each check of the suites fails for a plug-in that has just the fault it is about, and its message says which."""

from __future__ import annotations

import itertools
import unittest
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from wbrag_pipeline.datasets.tasks import Task
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Request
from wbrag_pipeline.generation.engines import ENGINES
from wbrag_pipeline.generation.generator import Answer
from wbrag_pipeline.rag import method_options
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.methods import METHODS
from wbrag_pipeline.rag.naive import NaiveRag
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.testing import EncoderConformance, EngineConformance, HashEngine, MethodConformance
from wbrag_pipeline.testing.conformance import Conformance
from wbrag_pipeline.testing.engine_conformance import REQUESTS

COUNT = itertools.count()


def checks(suite: type[Conformance]) -> list[str]:
    return [name for name in dir(suite) if name.startswith("test_")]


def suite_of(base: type[Conformance], **parts: Callable[[], Any]) -> Conformance:
    """A new class each time, since a suite keeps what it made."""
    return type("Suite", (base,), {name: (lambda self, part=part: part()) for name, part in parts.items()})()


def fault_found(suite: Conformance, check: str) -> str:
    with pytest.raises(AssertionError) as caught:
        getattr(suite, check)()
    return str(caught.value)


# Methods.


@dataclass(frozen=True)
class Fine:
    """The best passages of each question, read together."""

    count: int = 2

    @property
    def name(self) -> str:
        return method_options.spell("fine", self)

    @property
    def needs(self) -> tuple[str, ...]:
        return ()

    def answer(self, generator, questions, passages, task, retrieve=None):  # type: ignore[no-untyped-def]
        return generator.answer(questions, [row[: self.count] for row in passages], task)


class Telepathic(Fine):
    needs = ("telepathy",)  # type: ignore[assignment]


class Misnamed(Fine):
    name = "naive"  # type: ignore[assignment]


class Nameless(Fine):
    name = "fine"  # type: ignore[assignment]


class AnswersNobody(Fine):
    def answer(self, generator, questions, *rest):  # type: ignore[no-untyped-def]
        return super().answer(generator, questions, *rest) or [Answer("nothing asked")]


class LosesTheLast(Fine):
    def answer(self, *asked):  # type: ignore[no-untyped-def]
        return super().answer(*asked)[:-1]


class Backwards(Fine):
    def answer(self, *asked):  # type: ignore[no-untyped-def]
        return super().answer(*asked)[::-1]


class Moody(Fine):
    def answer(self, *asked):  # type: ignore[no-untyped-def]
        return [replace(answer, text=f"{answer.text} {next(COUNT)}") for answer in super().answer(*asked)]


class Talkative(Fine):
    def answer(self, generator, questions, passages, task: Task, retrieve=None):  # type: ignore[no-untyped-def]
        return [Answer(f"As far as I know, {question}") for question in questions]


class ReadsAll(Fine):
    def answer(self, generator, questions, passages, *rest):  # type: ignore[no-untyped-def]
        everything = [passage for row in passages for passage in row]
        return generator.answer(questions, [everything] * len(questions), rest[0])


class TakesAway(Fine):
    def answer(self, generator, questions, passages, *rest):  # type: ignore[no-untyped-def]
        found = super().answer(generator, questions, passages, *rest)
        passages[0].pop()
        return found


class SearchesForNothing(Fine):
    def answer(self, generator, questions, passages, task, retrieve=None):  # type: ignore[no-untyped-def]
        return generator.answer(questions, retrieve([""] * len(questions)) if retrieve else passages, task)


class NeverFails(Fine):
    def answer(self, *asked):  # type: ignore[no-untyped-def]
        return [replace(answer, failed=False) for answer in super().answer(*asked)]


class BestOfTwo(Fine):
    """Takes the best passage's answer, also where it did not come."""

    def answer(self, generator, questions, passages, *rest):  # type: ignore[no-untyped-def]
        one, two = (generator.answer(questions, [row[n : n + 1] for row in passages], rest[0]) for n in range(2))
        return [Answer(a.text, failed=a.failed and b.failed) for a, b in zip(one, two, strict=True)]


class LooksAhead(Fine):
    def answer(self, generator, questions, passages, *rest):  # type: ignore[no-untyped-def]
        return generator.look_ahead(questions, passages, [""] * len(questions), rest[0])


class Stretching(Hyde):
    def query_vectors(self, *asked):  # type: ignore[no-untyped-def]
        return 2 * super().query_vectors(*asked)


BROKEN_METHODS: dict[str, tuple[Callable[[], Any], str]] = {
    "test_it_has_what_a_method_has": (Telepathic, "needs {'telepathy'}"),
    "test_its_name_names_it": (Misnamed, "'naive' names NaiveRag()"),
    "test_its_options_are_in_its_name": (Nameless, "have one name, 'fine'"),
    "test_no_question_is_no_answer": (AnswersNobody, "not []"),
    "test_one_answer_a_question": (LosesTheLast, "4 questions give 3 answers"),
    "test_a_question_is_answered_alike_alone_and_in_a_batch": (Backwards, "question 0 of 4 is answered"),
    "test_the_same_question_is_answered_alike_twice": (Moody, "otherwise the second time"),
    "test_choice_tasks_get_choices": (Talkative, "is none of ('True', 'False')"),
    "test_passages_of_other_questions_are_not_read": (ReadsAll, "one prompt has questions or passages about Ald"),
    "test_what_it_is_given_stays_as_it_is": (TakesAway, "it has changed"),
    "test_it_searches_for_text": (SearchesForNothing, "it searches for ['', '', '', '']"),
    "test_a_failed_call_is_a_failed_answer": (NeverFails, "every call failed, and the answer is Answer(text=''"),
    "test_one_failed_call_of_several_is_no_wrong_answer": (BestOfTwo, "the answer is empty and not failed"),
    "test_it_needs_no_more_than_it_says": (LooksAhead, "offers no log-probabilities"),
    "test_a_query_transform_gives_a_vector_a_question": (lambda: Stretching(NaiveRag()), "not 1"),
}


@pytest.fixture
def fine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(METHODS.built_in, "fine", Fine)  # type: ignore[arg-type]
    yield


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("check", checks(MethodConformance))
def test_a_check_of_methods_finds_its_fault(check: str) -> None:
    make, said = BROKEN_METHODS[check]
    assert said in fault_found(suite_of(MethodConformance, make=make), check)


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("check", checks(MethodConformance))
def test_a_fine_method_passes_or_is_left_out(check: str) -> None:
    suite = suite_of(MethodConformance, make=Fine)
    if "query_transform" in check:
        with pytest.raises(unittest.SkipTest, match="no query transform"):
            getattr(suite, check)()
    else:
        getattr(suite, check)()


def test_a_method_that_is_not_installed_is_told_to_be() -> None:
    suite = suite_of(MethodConformance, make=Fine)
    assert "is the plug-in installed?" in fault_found(suite, "test_its_name_names_it")


# Engines.


class Rewriting(HashEngine):
    """Changes each completion on its way."""

    change: Callable[[Request, Completion, int], Completion]

    def complete(self, requests, arrived):  # type: ignore[no-untyped-def]
        change = type(self).change
        super().complete(requests, lambda i, made: arrived(i, change(requests[i], made, len(requests))))


def rewriting(change: Callable[[Request, Completion, int], Completion]) -> Callable[[], HashEngine]:
    return type("Changed", (Rewriting,), {"change": staticmethod(change)})


def asking(change: Callable[[Request], Request]) -> Callable[[], HashEngine]:
    """An engine that asks its model for something else than it was asked for."""

    class Asking(HashEngine):
        def complete(self, requests, arrived):  # type: ignore[no-untyped-def]
            super().complete([change(request) for request in requests], arrived)

    return Asking


class Tablet(HashEngine):
    def __init__(self) -> None:
        super().__init__()
        self.capabilities: Any = {"logprobs": 20}


class Renamed(HashEngine):
    name = "hash:other"


class NewEachTime(HashEngine):
    def __init__(self) -> None:
        super().__init__(seed=next(COUNT))


class Twice(HashEngine):
    def complete(self, requests, arrived):  # type: ignore[no-untyped-def]
        super().complete(requests, arrived)
        super().complete(requests[:1], arrived)


class AlwaysSends(HashEngine):
    def complete(self, requests, arrived):  # type: ignore[no-untyped-def]
        self.attempts += 1
        super().complete(requests, arrived)


class UserOnly(HashEngine):
    def render(self, requests):  # type: ignore[no-untyped-def]
        return [request.messages[-1].content + request.prefix for request in requests]


class Uncounted(HashEngine):
    def complete(self, requests, arrived):  # type: ignore[no-untyped-def]
        super().complete(requests, arrived)
        self.attempts = 0


class CountsCharacters(HashEngine):
    def count_tokens(self, texts):  # type: ignore[no-untyped-def]
        return [1 for _ in texts]


class Upside(HashEngine):
    def next_tokens(self, prompts, top):  # type: ignore[no-untyped-def]
        rows = super().next_tokens(prompts, None)
        return [dict(sorted((row or {}).items(), key=lambda pair: pair[1])[:top]) for row in rows]


class Headless(HashEngine):
    def next_tokens(self, prompts, top):  # type: ignore[no-untyped-def]
        return super().next_tokens(prompts, top or 3)


class ForgetsPrefixes(HashEngine):
    def encode(self, requests):  # type: ignore[no-untyped-def]
        return super().encode([replace(request, prefix="") for request in requests])


def apologising() -> HashEngine:
    return rewriting(lambda request, made, count: replace(made, text="Sorry!"))()


BROKEN_ENGINES: dict[str, tuple[Mapping[str, Callable[[], Any]], str]] = {
    "test_it_has_what_an_engine_has": ({"make": Tablet}, "not a Capabilities"),
    "test_its_name_is_the_settings_value": ({"make": Renamed}, "'hash:other' names an engine that is called 'hash:mo"),
    "test_its_fingerprint_says_what_it_answers": ({"make": NewEachTime}, "another one each time"),
    "test_every_request_has_one_outcome": ({"make": Twice}, "arrive as [0, 0, 1, 2, 3, 4]"),
    "test_nothing_asked_is_nothing_done": ({"make": AlwaysSends}, "a request is sent for an empty batch"),
    "test_a_request_is_completed_alike_alone_and_in_a_batch": (
        {"make": rewriting(lambda request, made, count: replace(made, text=f"{made.text} {count}"))},
        "alone",
    ),
    "test_temperature_zero_leaves_nothing_to_chance": (
        {"make": rewriting(lambda request, made, count: replace(made, text=f"{made.text} {next(COUNT)}"))},
        "greedy completions differ",
    ),
    "test_max_tokens_are_kept": (
        {"make": asking(lambda request: replace(request, max_tokens=99))},
        "tokens where 1 are asked for",
    ),
    "test_stop_strings_end_it": ({"make": asking(lambda request: replace(request, stop=()))}, "gives"),
    "test_render_shows_all_that_the_model_gets": ({"make": UserOnly}, "two different requests are rendered alike"),
    "test_attempts_are_counted": ({"make": Uncounted}, "attempts"),
    "test_tokens_are_counted": ({"make": CountsCharacters}, "[1, 1, 1]"),
    "test_a_failed_request_is_told_and_not_raised": (
        {"make_failing": apologising},
        "arrives as Completion(text='Sorry",
    ),
    "test_a_prompt_that_does_not_fit_is_told": (
        {"make": HashEngine, "too_long": lambda: REQUESTS[1]},
        'ends by "stop"',
    ),
    "test_structured_output_gives_choices": (
        {"make": asking(lambda request: replace(request, choices=()))},
        "is none of ('yes', 'no')",
    ),
    "test_log_probabilities_are_given": (
        {"make": asking(lambda request: replace(request, logprobs=None))},
        "has no tokens",
    ),
    "test_a_beginning_is_gone_on_from": (
        {"make": rewriting(lambda request, made, count: replace(made, text=request.prefix + made.text))},
        "repeats the beginning",
    ),
    "test_distributions_are_those_it_completes_by": ({"make": Upside}, "the likeliest token is"),
    "test_whole_distributions_sum_to_one": ({"make": Headless}, "a distribution sums to"),
    "test_a_prefix_is_encoded_behind_its_prompt": ({"make": ForgetsPrefixes}, "a prefix adds no tokens"),
}


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(ENGINES.built_in, "hash", lambda name, arguments: HashEngine())  # type: ignore[arg-type]
    yield


@pytest.mark.usefixtures("hashed")
@pytest.mark.parametrize("check", checks(EngineConformance))
def test_a_check_of_engines_finds_its_fault(check: str) -> None:
    parts, said = BROKEN_ENGINES[check]
    assert said in fault_found(suite_of(EngineConformance, **parts), check)


@pytest.mark.usefixtures("hashed")
def test_two_engines_with_one_fingerprint_are_found() -> None:
    suite = suite_of(EngineConformance, make=HashEngine, others=lambda: [HashEngine(seed=1), HashEngine(seed=1)])
    assert "one fingerprint" in fault_found(suite, "test_its_fingerprint_says_what_it_answers")


@pytest.mark.parametrize("check", checks(EngineConformance))
def test_what_an_engine_does_not_offer_is_not_asked_for(check: str) -> None:
    """Whatever is told to be lacking is left out, not failed."""
    lacking = {"structured", "log_prob", "beginning", "distributions", "prefix"}
    if any(word in check for word in lacking):
        suite = suite_of(EngineConformance, make=lambda: HashEngine(Capabilities(None, False, False, False)))
        with pytest.raises(unittest.SkipTest, match="its capabilities have no"):
            getattr(suite, check)()


# Encoders.


class Changed(HashEncoder):
    """Changes all vectors on their way."""

    def encode_queries(self, questions, progress=None):  # type: ignore[no-untyped-def]
        return self.change(super().encode_queries(questions, progress))

    def change(self, vectors):  # type: ignore[no-untyped-def]
        raise NotImplementedError


class Flat(HashEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.dimension = 0


class Narrow(Changed):
    def change(self, vectors):  # type: ignore[no-untyped-def]
        return vectors[:, :32]


class Long(Changed):
    def change(self, vectors):  # type: ignore[no-untyped-def]
        return vectors * np.float32(3)


class Listless(Changed):
    def change(self, vectors):  # type: ignore[no-untyped-def]
        return vectors if len(vectors) else np.zeros((0,), dtype=np.float32)


class EvenEmpty(Changed):
    def change(self, vectors):  # type: ignore[no-untyped-def]
        return np.where(vectors.any(axis=1, keepdims=True), vectors, np.float32(0.5))


class Centred(Changed):
    """Its vectors depend on what they are encoded with."""

    def change(self, vectors):  # type: ignore[no-untyped-def]
        moved = vectors + vectors.mean(axis=0, keepdims=True) if len(vectors) else vectors
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


class Noisy(Changed):
    def change(self, vectors):  # type: ignore[no-untyped-def]
        return vectors + np.float32(1e-3 * next(COUNT))


class Cutting(HashEncoder):
    def encode_passages(self, titles, texts, progress=None):  # type: ignore[no-untyped-def]
        return self.encode_queries([f"{a}\n{b}" for a, b in zip(titles, texts, strict=False)], progress)


class Silent(HashEncoder):
    def encode_queries(self, questions, progress=None):  # type: ignore[no-untyped-def]
        return super().encode_queries(questions)


class TwoSpaces(HashEncoder):
    """Questions are encoded in another space than passages."""

    def encode_passages(self, titles, texts, progress=None):  # type: ignore[no-untyped-def]
        return super().encode_passages(titles, texts, progress)[:, ::-1].copy()


class Unstable(HashEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.fingerprint = f"{next(COUNT):064}"


BROKEN_ENCODERS: dict[str, tuple[Callable[[], Any], str]] = {
    "test_it_has_what_an_encoder_has": (Flat, "the dimension is 0"),
    "test_its_name_is_the_settings_value": (
        lambda: HashEncoder(32),
        "'hash-32' names an encoder that is called 'hash-64",
    ),
    "test_its_fingerprint_says_what_a_vector_means": (Unstable, "another one each time"),
    "test_a_vector_a_text": (Narrow, "vectors of the shape (5, 32), not (5, 64)"),
    "test_vectors_have_the_length_one": (Long, "not 1"),
    "test_no_text_is_no_vector": (Listless, "no text gives vectors of the shape (0,)"),
    "test_an_empty_text_is_no_error": (EvenEmpty, "an empty text has a vector of length 4.0"),
    "test_a_text_has_one_vector_alone_and_in_a_batch": (Centred, "passage 0 alone: a vector that differs"),
    "test_a_text_has_one_vector_each_time": (Noisy, "the same passages encoded again"),
    "test_titles_and_texts_belong_together": (Cutting, "5 titles and 4 texts are encoded without an error"),
    "test_progress_is_told": (Silent, "progress is told of 0 finished texts of 5"),
    "test_a_question_is_near_to_the_passage_that_answers_it": (TwoSpaces, "is nearest to"),
}


@pytest.mark.parametrize("check", checks(EncoderConformance))
def test_a_check_of_encoders_finds_its_fault(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wbrag_pipeline.testing.encoder_conformance.load_encoder", lambda name: HashEncoder())
    make, said = BROKEN_ENCODERS[check]
    assert said in fault_found(suite_of(EncoderConformance, make=make), check)


def test_an_encoder_that_is_not_installed_is_told_to_be() -> None:
    class Elsewhere(HashEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.name = "elsewhere:64"

    suite = suite_of(EncoderConformance, make=Elsewhere)
    assert "is the plug-in installed?" in fault_found(suite, "test_its_name_is_the_settings_value")


def test_the_suites_need_no_pytest() -> None:
    """They are unittest's test cases too, and import no test library but unittest's exception."""

    class Together(EncoderConformance, unittest.TestCase):
        def make(self) -> HashEncoder:
            return HashEncoder()

    loaded = unittest.defaultTestLoader.loadTestsFromTestCase(Together)
    assert loaded.countTestCases() == len(checks(EncoderConformance))
    result = unittest.TestResult()
    loaded.run(result)
    assert [test._testMethodName for test, _ in result.failures] == ["test_its_name_is_the_settings_value"]
    assert not result.errors
