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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.vllm.hugging_face import Reference
from wbrag_pipeline.generation.language_model import LanguageModel
from wbrag_pipeline.generation.openai_endpoint import OpenAIEndpoint
from wbrag_pipeline.generation.reflection import REFLECTION_TOKENS
from wbrag_pipeline.generation.vllm_engine import VllmEngine

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
SEED = 7
TEXT = (
    "Marie Curie was born in Warsaw in 1867. She discovered polonium and radium. Radium was found in 1898. "
    "Answer the question with a short phrase. True or False? yes no SUPPORTS REFUTES NOT ENOUGH INFO. "
    "The Vistula flows through Warsaw and Krakow. Use the passages as evidence where they settle it. "
) * 20
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}"
    "{% if not loop.last or message.role != 'assistant' or add_generation_prompt %}</s>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.vllm)
            # vLLM and what it imports warn of their own affairs.
            item.add_marker(pytest.mark.filterwarnings("default"))
            if importlib.util.find_spec("vllm") is None:
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed here (scripts/setup-vllm)"))


def make_tokenizer(more: Sequence[str] = ()) -> Any:
    """A byte-level BPE of a few hundred pieces, with a chat template, and ``more`` special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    coded = Tokenizer(models.BPE())
    coded.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    coded.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", *more]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    coded.train_from_iterator(
        [TEXT], trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=coded, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(kind: str, folder: Path) -> Path:
    """A random model of two layers with its tokenizer, in a folder that vLLM and transformers read."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

    # One of the two has Self-RAG's reflection tokens.
    tokenizer = make_tokenizer(REFLECTION_TOKENS if kind == "gemma" else ())
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 2048,
        "initializer_range": 0.2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": False,
    }
    torch.manual_seed(SEED)
    if kind == "gemma":
        made: Any = Gemma3ForCausalLM(Gemma3TextConfig(**shape, sliding_window=64, query_pre_attn_scalar=32))
    else:
        made = LlamaForCausalLM(LlamaConfig(**shape))
    with torch.no_grad():
        # So that answers end now and then: a wider row wins more often.
        made.lm_head.weight[tokenizer.eos_token_id] *= 2.0
        if kind == "llama":
            # It writes text only, so that its answers have words and sentences; Gemma's have anything in them.
            for token in range(len(tokenizer)):
                written = tokenizer.decode([token])
                special = token in tokenizer.added_tokens_decoder
                if token != tokenizer.eos_token_id and (special or not (written.isascii() and written.isprintable())):
                    made.lm_head.weight[token] = 0.0
    made.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


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
