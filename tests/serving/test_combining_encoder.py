"""Questions of many threads, encoded together: the vectors are the same, and a failure is one request's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.scripted import Scripted
from tests.serving.web import Towns
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.protocols import Advance, Encoder, Vectors
from wbrag_pipeline.serving.combining_encoder import CombiningEncoder
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import retrievers_of


class OneThread(HashEncoder):
    """Notes the calls, fails where two threads are in at once and for the question "bad"; waits for ``gate``."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.gate, self.entered = threading.Event(), threading.Event()
        self._inside = threading.Lock()

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        assert self._inside.acquire(blocking=False)
        try:
            self.calls.append(list(questions))
            self.entered.set()
            self.gate.wait()
            if "bad" in questions:
                raise ValueError("bad")
            return super().encode_queries(questions, progress)
        finally:
            self._inside.release()


def asked_together(inner: OneThread, requests: list[list[str]]) -> list[Vectors | Exception]:
    """What each request gets: the first one is at work while the others come."""
    encoder = CombiningEncoder(inner)
    as_encoder: Encoder = encoder

    def ask(questions: list[str]) -> Vectors | Exception:
        try:
            return as_encoder.encode_queries(questions)
        except Exception as failure:
            return failure

    with ThreadPoolExecutor(len(requests)) as threads:
        asked = [threads.submit(ask, requests[0])]
        inner.entered.wait()
        for number, request in enumerate(requests[1:], start=1):
            asked.append(threads.submit(ask, request))
            while len(encoder._waiting) < number:
                threading.Event().wait(0.001)
        inner.gate.set()
        return [each.result() for each in asked]


def test_those_who_wait_are_encoded_together_each_as_alone() -> None:
    inner, requests = OneThread(), [["first"], ["a b"], ["c", "d"], [], ["a b", "e"]]
    for request, found in zip(requests, asked_together(inner, requests), strict=True):
        assert isinstance(found, np.ndarray) and np.array_equal(found, HashEncoder().encode_queries(request))
    assert inner.calls == [["first"], ["a b", "c", "d", "a b", "e"]]


def test_a_question_that_cannot_be_encoded_is_nobody_elses_failure() -> None:
    found = asked_together(OneThread(), [["first"], ["a"], ["bad"], ["b"]])
    assert [type(each).__name__ for each in found] == ["ndarray", "ndarray", "ValueError", "ndarray"]


def test_a_large_request_is_not_put_together_with_small_ones() -> None:
    inner = OneThread()
    asked_together(inner, [["first"], ["a"], [f"q{n}" for n in range(64)], ["b"], ["c"]])
    assert [len(call) for call in inner.calls] == [1, 1, 64, 2]


def test_an_encoder_that_fails_serves_on() -> None:
    inner = OneThread()
    inner.gate.set()
    encoder = CombiningEncoder(inner)
    for _ in range(3):
        with pytest.raises(ValueError, match="bad"):
            encoder.encode_queries(["bad"])
        assert encoder.encode_queries(["a"]).shape == (1, 64)


def test_searches_go_on_while_an_answer_is_written(wbrag_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    towns = Towns(wbrag_home)
    writing, gate = threading.Event(), threading.Event()

    def answer(question: str, passages: tuple[str, ...]) -> str:
        writing.set()
        gate.wait()
        return "an answer"

    generator = Scripted(answer)
    real = LiveRetriever.__init__
    monkeypatch.setattr(
        LiveRetriever, "__init__", lambda *given, **more: real(*given, **more, generator=lambda settings: generator)
    )
    retriever = retrievers_of(towns.settings, towns.encoder)("b")
    with ThreadPoolExecutor(1) as thread:
        answered = thread.submit(retriever.answer, ["velcro"], labels=[])
        writing.wait()
        assert retriever.search(["zipper"], 1, labels=[]).hits["passage_id"].to_list() == ["p2"]
        gate.set()
        assert answered.result()[1].texts == ["an answer"]
