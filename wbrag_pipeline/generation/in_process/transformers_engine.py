"""Hugging Face transformers in this process as an engine: ``transformers:MODEL[@REVISION]``.

It needs no server and no further package, and runs wherever torch does: on CUDA, MPS or a CPU. Every capability is
there, RePlug's exact distributions included. For many questions on a GPU vLLM is made; see ``vllm_engine``.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.accounts.model_identity import hash_of_folder
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request
from wbrag_pipeline.generation.in_process.causal_model import ARGUMENTS, CausalModel, load_causal_model
from wbrag_pipeline.generation.in_process.decoding import decode
from wbrag_pipeline.generation.in_process.local_tokenizer import LocalTokenizer
from wbrag_pipeline.generation.in_process.next_tokens import NextTokens
from wbrag_pipeline.generation.in_process.token_batch import batches_by_length
from wbrag_pipeline.generation.in_process.token_texts import TokenTexts
from wbrag_pipeline.storage import sha256_of_file, sha256_of_text

_log = logging.getLogger(__name__)
_PREFIX = "transformers:"
_ALTERNATIVES = 20
# Beside the weights these decide what comes out; where and how much at once does not.
_DECIDING = ("dtype", "chat_template_kwargs", "trust_remote_code")
_one_at_a_time = threading.RLock()  # loading is a part of the first call


class TransformersEngine(LocalTokenizer):
    """Implements ``engine_protocol.Engine``. The model is loaded at the first call that needs it."""

    capabilities = Capabilities(logprobs=_ALTERNATIVES, structured=True, continues=True, distributions=True)

    def __init__(self, model: str, revision: str = "", arguments: Mapping[str, Any] | None = None) -> None:
        """``arguments``: see ``causal_model.ARGUMENTS``. Raises InputError for one that is not among them."""
        self._arguments = dict(arguments or {})
        if unknown := sorted(self._arguments.keys() - set(ARGUMENTS)):
            raise InputError(
                f"transformers: takes no {', '.join(unknown)}", field="engine_arguments", hint=", ".join(ARGUMENTS)
            )
        self.name = f"{_PREFIX}{model}" + (f"@{revision}" if revision else "")
        self._model_name, self._revision = model, revision
        self._template_arguments = self._arguments.get("chat_template_kwargs") or {}
        self.attempts = 0

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Any]) -> TransformersEngine:
        """The engine that the setting names."""
        model, _, revision = name.removeprefix(_PREFIX).partition("@")
        return cls(model, revision, arguments)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the model's files (a path) or commit (a hub name), and of what decides its arithmetic."""
        deciding = {name: self._arguments[name] for name in _DECIDING if name in self._arguments}
        deciding["dtype"] = self._model.dtype
        return sha256_of_text("transformers", self._identity(), json.dumps(deciding, sort_keys=True, default=str))

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """See the protocol. Completions arrive as they end, those of long prompts first."""
        coded = self.encode(requests)
        for index, ids in enumerate(coded):
            if not ids:
                arrived(index, Completion("", finish_reason="context"))
        there = [index for index, ids in enumerate(coded) if ids]
        lengths = [len(coded[index]) + requests[index].max_tokens for index in there]
        for places in batches_by_length(lengths, self._model.tokens_at_once):
            self._complete([there[place] for place in places], coded, requests, arrived)

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """What was read of a prompt is remembered until the next call, so each further token costs one step."""
        self.attempts += len(prompts)
        with _one_at_a_time:
            return list(self._next_tokens.after([tuple(prompt) for prompt in prompts], top))

    def ends(self, token: int) -> bool:
        """Whether it is an end token of the tokenizer or of the model's generation config."""
        return token in self._model.ends

    def _complete(
        self,
        indices: Sequence[int],
        coded: Sequence[Sequence[int]],
        requests: Sequence[Request],
        arrived: Callable[[int, Completion], None],
    ) -> None:
        """One batch; in two halves where the memory has no room for it after all."""
        left = dict.fromkeys(indices)
        self.attempts += len(indices)
        try:
            with _one_at_a_time:
                prompts, asked = [coded[i] for i in indices], [requests[i] for i in indices]
                for place, completion in decode(self._model, self._texts, prompts, asked):
                    del left[indices[place]]
                    arrived(indices[place], completion)
            return
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        rest = list(left)
        if len(rest) == 1:
            _log.warning("%s: a prompt of %d tokens does not fit the memory", self.name, len(coded[rest[0]]))
            arrived(rest[0], Completion("", finish_reason="failed"))
            return
        half = len(rest) // 2
        _log.warning("%s: %d prompts at once do not fit the memory, so %d are tried", self.name, len(rest), half)
        for part in (rest[:half], rest[half:]):
            self._complete(part, coded, requests, arrived)

    @cached_property
    def _model(self) -> CausalModel:
        with _one_at_a_time:
            model = load_causal_model(self._model_name, self._revision, self._arguments)
        _log.info("%s: on %s in %s, %d tokens at once", self.name, model.device, model.dtype, model.tokens_at_once)
        return model

    @property
    def _tokenizer(self) -> Any:
        return self._model.tokenizer

    @property
    def _context(self) -> int:
        return self._model.context

    @cached_property
    def _texts(self) -> TokenTexts:
        return TokenTexts(self._tokenizer)

    @cached_property
    def _next_tokens(self) -> NextTokens:
        return NextTokens(self._model)

    def _identity(self) -> str:
        path = Path(self._model_name)
        if path.is_dir():
            return hash_of_folder(path)
        if path.is_file():
            return sha256_of_file(path)
        commit = getattr(self._model.network.config, "_commit_hash", None)
        return f"{self._model_name}@{commit or self._revision or 'unknown'}"


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had no room; torch says so in several ways."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))
