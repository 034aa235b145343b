"""A causal language model of Hugging Face transformers, loaded: which file, which device, which arithmetic, what room.

API: huggingface.co/docs/transformers, "Auto classes", "GGUF", "Caching".
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.cpu_arithmetic import product_dtype
from wbrag_pipeline.errors import InputError, MissingPartError

if TYPE_CHECKING:
    import torch

# What an engine argument may be called, beside those that go to ``from_pretrained``.
ARGUMENTS = ("device", "dtype", "max_model_len", "tokens_at_once", "chat_template_kwargs", "trust_remote_code")
# Share of the free memory that prompts and what the model remembers of them may take.
_OF_FREE_MEMORY = 0.3
# More at once makes a CPU or a GPU no faster, and lets the first answers wait.
_MOST_TOKENS = {"cpu": 16_384, "mps": 32_768}
_MOST_TOKENS_ON_A_GPU = 131_072
# Numbers that a layer holds for a token while it computes, in multiples of the hidden size.
_ACTIVATIONS = 24


@dataclass(frozen=True)
class CausalModel:
    """A model with its tokenizer. ``network`` is a ``PreTrainedModel`` in evaluation mode; ``context`` in tokens.

    tokens_at_once: prompts of so many tokens together, with the room for their answers, are computed as one batch.
    """

    network: Any
    tokenizer: Any
    device: str
    dtype: str
    context: int
    tokens_at_once: int

    @cached_property
    def ends(self) -> frozenset[int]:
        """Ids of the tokens that end the assistant's turn."""
        configured = getattr(self.network.generation_config, "eos_token_id", None)
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in (*listed, self.tokenizer.eos_token_id) if token is not None)

    @cached_property
    def remembers_by_place(self) -> bool:
        """Whether every layer looks at all earlier tokens: only then can prompts share what was read of a beginning."""
        config = self.network.config.get_text_config()
        kinds = getattr(config, "layer_types", None) or []
        return set(kinds) <= {"full_attention"} and not getattr(config, "sliding_window", None)


def load_causal_model(model: str, revision: str, arguments: Mapping[str, Any]) -> CausalModel:
    """Load a hub name, a folder, or a GGUF file (a path, or ``ORGANISATION/NAME/FILE.gguf`` on the hub).

    arguments: see ``ARGUMENTS``; ``dtype`` and ``device`` "auto" are what the machine really does fast.

    Raises InputError for a model that is not there, MissingPartError where a GGUF file is to be read and ``gguf`` is
    not installed.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.generation import GenerationConfig
    from transformers.utils.logging import disable_progress_bar

    device = _device(str(arguments.get("device", "auto")))
    dtype = _dtype(str(arguments.get("dtype", "auto")), device)
    place, more = _source(model)
    if revision:
        more["revision"] = revision
    if arguments.get("trust_remote_code"):
        more["trust_remote_code"] = True
    if not os.isatty(2):  # in a log file its bars are thousands of lines
        disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, **more)
        network = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **more, **_dequantized(more))
    except (OSError, ValueError) as error:
        hint = "give the name of a model on the Hugging Face hub, a folder, or a .gguf file"
        raise InputError(
            f"the model {model!r} cannot be loaded: {str(error).splitlines()[0]}", field="generator", hint=hint
        ) from error
    ends = network.generation_config.eos_token_id if network.generation_config else None
    # The file's own defaults (a repetition penalty, a temperature) are not for greedy answers.
    network.generation_config = GenerationConfig(eos_token_id=ends)
    network = network.to(device).eval().requires_grad_(False)
    # Of the last hidden states, a slice, torch would otherwise multiply each row by a copy of the vocabulary's weights.
    network.get_output_embeddings().register_forward_pre_hook(lambda _, given: (given[0].contiguous(), *given[1:]))
    context = int(arguments.get("max_model_len") or network.config.get_text_config().max_position_embeddings)
    at_once = int(arguments.get("tokens_at_once") or _tokens_at_once(network, torch.device(device), dtype))
    return CausalModel(network, tokenizer, device, str(dtype).removeprefix("torch."), context, max(at_once, 1))


def _source(model: str) -> tuple[str, dict[str, Any]]:
    """What ``from_pretrained`` takes, and what more where the model is one GGUF file."""
    if not model.lower().endswith(".gguf"):
        return model, {}
    for package in ("gguf", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise MissingPartError(f"{package}, which reads GGUF files,", "pip install 'wbrag-pipeline[gguf]'")
    place, _, file = model.rpartition("/")
    if not Path(model).is_file() and place.count("/") != 1:
        raise InputError(f"there is no file {model}", field="generator")
    return place or ".", {"gguf_file": file}


def _dequantized(more: Mapping[str, Any]) -> dict[str, Any]:
    """GGUF's packed weights are unpacked: transformers computes with packed ones on a few GPUs alone."""
    if "gguf_file" not in more:
        return {}
    from transformers import GgufConfig

    return {"quantization_config": GgufConfig(dequantize=True)}


def _device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(wanted: str, device: str) -> torch.dtype:
    """bf16 on a CPU without instructions for it is ten times slower than fp32, whatever the model's file says."""
    import torch

    if wanted == "auto":
        if device.startswith("cuda"):
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return torch.float16 if device == "mps" else product_dtype()
    found = getattr(torch, wanted, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise InputError(f"there is no dtype {wanted!r}", field="engine_arguments", hint="float32, bfloat16 or float16")
    return found


def _tokens_at_once(network: Any, device: torch.device, dtype: torch.dtype) -> int:
    config = network.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    remembered = 2 * config.num_hidden_layers * heads * width
    a_token = (remembered + _ACTIVATIONS * config.hidden_size) * dtype.itemsize
    most = _MOST_TOKENS.get(device.type, _MOST_TOKENS_ON_A_GPU)
    return min(most, int(_free_bytes(device) * _OF_FREE_MEMORY / a_token))


def _free_bytes(device: torch.device) -> int:
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
