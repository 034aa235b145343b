"""The suites on what is built in: they hold for all of it. That they can fail is in ``test_broken_plugins``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from tests.plugins.hash_server import hash_server
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.endpoints.replicas import RetryPolicy
from wbrag_pipeline.generation.engine_protocol import Capabilities, Engine, Request
from wbrag_pipeline.generation.engines import ENGINES
from wbrag_pipeline.rag.flare import Flare
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.methods import METHODS, TRANSFORMS, method_named
from wbrag_pipeline.rag.policy import Method
from wbrag_pipeline.rag.replug import RePlug
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.testing import EncoderConformance, EngineConformance, HashEngine, MethodConformance
from wbrag_pipeline.testing.engine_conformance import REQUESTS
from wbrag_pipeline.testing.hash_encoder import HashEncoder

TOO_LONG = Request((*REQUESTS[0].messages, *REQUESTS[1].messages * 9), 16)


class TestNone(MethodConformance):
    def make(self) -> Method:
        return method_named("none")


class TestNaive(MethodConformance):
    def make(self) -> Method:
        return method_named("naive")


class TestRePlug(MethodConformance):
    def make(self) -> Method:
        return RePlug(temperature=0.1)


class TestSelfRag(MethodConformance):
    def make(self) -> Method:
        return method_named("self_rag")


class TestFlare(MethodConformance):
    def make(self) -> Method:
        return Flare(theta=0.9, rounds=2)


class TestHyde(MethodConformance):
    def make(self) -> Method:
        return Hyde(method_named("naive"))


class TestHydeBeforeFlare(MethodConformance):
    def make(self) -> Method:
        return Hyde(Flare(), question=False)


def test_every_built_in_method_is_checked() -> None:
    checked = {suite().make().name for suite in MethodConformance.__subclasses__() if suite.__module__ == __name__}
    kinds = {part.partition(":")[0] for name in checked for part in name.split("+")}
    assert kinds == {*METHODS.built_in, *TRANSFORMS.built_in}


class TestHashEngine(EngineConformance):
    """The stand-in that the other suites rely on offers everything, so every check runs on it."""

    @pytest.fixture(autouse=True)
    def _named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(ENGINES.built_in, "hash", lambda name, arguments: HashEngine(context=60))  # type: ignore[arg-type]

    def make(self) -> Engine:
        return HashEngine(context=60)

    def others(self) -> Sequence[Engine]:
        return [HashEngine(seed=1), HashEngine(seed=2)]

    def make_failing(self) -> Engine:
        return HashEngine(fails_on="fruit")

    def too_long(self) -> Request:
        return TOO_LONG


class TestHashEngineThatCanOnlyWrite(TestHashEngine):
    def make(self) -> Engine:
        return HashEngine(Capabilities(None, False, False, False), context=60)


@pytest.fixture(scope="class")
def servers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Two servers with one model; of the second, every request of the suite fails."""
    with hash_server(HashEngine(context=60)) as here, hash_server(HashEngine(fails_on="has the fruit")) as failing:
        request.cls.here, request.cls.failing = here, failing
        yield


@pytest.mark.usefixtures("servers")
class TestOpenAIEndpoint(EngineConformance):
    here: ClassVar[str]
    failing: ClassVar[str]

    def make(self) -> Engine:
        return OpenAIEndpoint([self.here], "tiny")

    def others(self) -> Sequence[Engine]:
        return [OpenAIEndpoint([self.here], "small"), OpenAIEndpoint([self.here], "tiny", revision="2")]

    def make_failing(self) -> Engine:
        return OpenAIEndpoint([self.failing], "tiny", policy=RetryPolicy(tries=1))

    def too_long(self) -> Request:
        return TOO_LONG


class TestSentenceEncoder(EncoderConformance):
    def make(self) -> Encoder:
        return load_encoder()

    def others(self) -> Sequence[Encoder]:
        return [HashEncoder()]


class TestHashEncoder(EncoderConformance):
    @pytest.fixture(autouse=True)
    def _named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wbrag_pipeline.testing.encoder_conformance.load_encoder", lambda name: HashEncoder())

    def make(self) -> Encoder:
        return HashEncoder()

    def others(self) -> Sequence[Encoder]:
        return [HashEncoder(32), HashEncoder(128)]
