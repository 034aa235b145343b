"""The engines' conformance suite on the real vLLM, in this process and behind `vllm serve`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from tests.vllm.conftest import ENGINE
from wbrag_pipeline.generation.engine_protocol import Engine, Message, Request
from wbrag_pipeline.generation.in_process.vllm_engine import VllmEngine
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.testing import EngineConformance
from wbrag_pipeline.testing.engine_conformance import REQUESTS

# More words than the tiny models' context of 2,048 tokens has room for.
TOO_LONG = replace(REQUESTS[0], messages=(Message("user", "passages about radium " * 2000),))


@pytest.fixture(scope="class")
def in_process(request: pytest.FixtureRequest, model: LanguageModel, llama: Path) -> Iterator[None]:
    request.cls.shared, request.cls.folder = model.engine, llama
    yield


@pytest.fixture(scope="class")
def behind_a_server(request: pytest.FixtureRequest, served: LanguageModel) -> Iterator[None]:
    request.cls.shared = served.engine
    yield


@pytest.mark.usefixtures("in_process")
class TestVllm(EngineConformance):
    """vLLM keeps one model a process: the suite's engine is the one that all tests of this folder use."""

    arguments = ENGINE
    shared: ClassVar[Engine]
    folder: ClassVar[Path]

    def make(self) -> Engine:
        return self.shared

    def others(self) -> Sequence[Engine]:
        return [VllmEngine(str(self.folder), arguments={"dtype": "bfloat16"})]

    def too_long(self) -> Request:
        return TOO_LONG


@pytest.mark.usefixtures("behind_a_server")
class TestServed(EngineConformance):
    shared: ClassVar[Engine]

    def make(self) -> Engine:
        return self.shared

    def too_long(self) -> Request:
        return TOO_LONG
