"""Real vLLM on a CPU, with random tiny models that ``transformers`` makes here.

Run with the environment that ``scripts/setup-vllm`` makes; elsewhere these tests are skipped.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import make_model
from tests.vllm.hugging_face import Reference
from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.in_process.vllm_engine import VllmEngine
from wbrag_pipeline.generation.language_model import LanguageModel

# Read by vLLM when it is imported. One process, so that a test sees the engine's errors and not a child's.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# The first log-probabilities would wait for a C++ compiler, a minute on an idle machine and five on a busy one.
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")

HERE = Path(__file__).parent
# float32, so that the comparison with Hugging Face is one of arithmetic and not of rounding.
ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": 32,
    "kv_cache_memory_bytes": 256 << 20,
    "max_model_len": 2048,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.vllm)
            # vLLM and what it imports warn of their own affairs.
            item.add_marker(pytest.mark.filterwarnings("default"))
            if importlib.util.find_spec("vllm") is None:
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed here (scripts/setup-vllm)"))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model("gemma", tmp_path_factory.mktemp("gemma"))


def serve(folder: Path, log: Path) -> Iterator[str]:
    """``vllm serve`` on the loopback address; yields the setting's value."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--served-model-name", "tiny", "--max-logprobs", "-1", "--enforce-eager"]
    for name, value in ENGINE.items():
        if name != "enforce_eager":
            command += [f"--{name.replace('_', '-')}", str(value)]
    environment = {**os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process:
        try:
            until = time.monotonic() + 1200
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                        break
                except OSError:
                    assert process.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
                    time.sleep(0.5)
            yield f"openai:http://127.0.0.1:{port}/v1#tiny"
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def llama_server(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serve(llama, tmp_path_factory.mktemp("server") / "log")


@pytest.fixture(scope="session")
def reference(llama: Path) -> Reference:
    return Reference(llama)


@pytest.fixture(scope="session")
def model(llama: Path) -> LanguageModel:
    return LanguageModel(VllmEngine.named(f"vllm:{llama}", ENGINE))


@pytest.fixture(scope="session")
def served(llama_server: str) -> LanguageModel:
    return LanguageModel(OpenAIEndpoint.named(llama_server, {"in_flight": 8}))
