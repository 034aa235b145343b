"""A real small language model on three engines, in float32: transformers, vLLM, and llama.cpp's own server.

Run by ``make test-lm``, which gets the model (``scripts/get-smollm2``) and names its folder in $TEST_MODEL; elsewhere
these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.vllm.conftest import ENGINE

HERE = Path(__file__).parent
CONTEXT = 2048
# llama.cpp's server as its package has it; it says its address and serves until it is ended.
SERVER = f"""
import sys, time, xllamacpp
given = xllamacpp.CommonParams()
given.model.path = sys.argv[1]
given.n_ctx, given.n_parallel = {CONTEXT}, 1
given.cpuparams.n_threads = given.cpuparams_batch.n_threads = 1  # two wait for each other where there is other work
given.cache_type_k = given.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
server = xllamacpp.Server(given)  # as long as it is named
print(server.listening_address, flush=True)
time.sleep(1e6)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.filterwarnings("default"))
            if not os.environ.get("TEST_MODEL"):
                item.add_marker(pytest.mark.skip(reason="no real language model here (make test-lm)"))


@dataclass(frozen=True)
class Served:
    """A generator's setting, and the arguments with which its engine computes in float32."""

    generator: str
    arguments: str


@pytest.fixture(scope="session")
def folder() -> Path:
    return Path(os.environ["TEST_MODEL"])


@pytest.fixture(scope="session")
def llama_cpp(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("llama_cpp") / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder / "model.gguf")], stdout=subprocess.PIPE, stderr=out, text=True
        ) as process,
    ):
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            assert address.startswith("http"), log.read_text(errors="replace")[-3000:]
            with urllib.request.urlopen(f"{address}/v1/models", timeout=60) as reply:
                (model,) = [row["id"] for row in json.load(reply)["data"]]
            yield f"openai:{address}/v1#{model}"
        finally:
            process.kill()


@pytest.fixture(scope="session")
def engines(folder: Path, llama_cpp: str) -> dict[str, Served]:
    exact: dict[str, Any] = {"dtype": ENGINE["dtype"], "max_model_len": CONTEXT}
    return {
        "transformers": Served(f"transformers:{folder}", json.dumps(exact)),
        "vllm": Served(f"vllm:{folder}", json.dumps(ENGINE | {"max_model_len": CONTEXT})),
        "llama.cpp": Served(llama_cpp, json.dumps({"in_flight": 1})),
    }
