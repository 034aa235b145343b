"""vLLM in this process as an engine: ``vllm:MODEL[@REVISION]``.

Prefix caching is on and prompts are sent in an order in which shared beginnings meet. vLLM takes the device for
itself, so a process has one of these at most; where several stages run at once, put ``vllm serve`` behind ``openai:``.
API: docs.vllm.ai, "LLM class", "Sampling parameters", "Structured outputs".
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import InputError, MissingPartError
from wbrag_pipeline.generation.accounts.model_identity import DECIDING, hash_of_folder
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request, Token
from wbrag_pipeline.generation.in_process.local_tokenizer import LocalTokenizer
from wbrag_pipeline.generation.valid_values import valid_logprob
from wbrag_pipeline.generation.writing.repetition import VLLM_PARAMETERS
from wbrag_pipeline.storage import sha256_of_text

_PREFIX = "vllm:"
_ALTERNATIVES = 20
_one = threading.Lock()
_running: dict[str, Any] = {}


class VllmEngine(LocalTokenizer):
    """Implements ``engine_protocol.Engine``. The model is loaded at the first call that needs it."""

    capabilities = Capabilities(logprobs=_ALTERNATIVES, structured=True, continues=True, distributions=True)

    def __init__(self, model: str, revision: str = "", arguments: Mapping[str, Any] | None = None) -> None:
        """``arguments`` are vLLM's EngineArgs, and ``chat_template_kwargs`` for the template.

        Raises MissingPartError where vLLM is not installed.
        """
        if importlib.util.find_spec("vllm") is None:
            raise MissingPartError("vLLM", "pip install 'wbrag-pipeline[gpu]'")
        self.name = f"{_PREFIX}{model}" + (f"@{revision}" if revision else "")
        self._model, self._revision, self._arguments = model, revision, dict(arguments or {})
        self._template_arguments = self._arguments.get("chat_template_kwargs") or {}
        self._ids = itertools.count()
        self.attempts = 0

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Any]) -> VllmEngine:
        """The engine that the setting names."""
        model, _, revision = name.removeprefix(_PREFIX).partition("@")
        return cls(model, revision, arguments)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the model's files (a folder) or commit (a hub name), and of the arguments that change its output."""
        deciding = {name: self._arguments[name] for name in DECIDING if name in self._arguments}
        return sha256_of_text("vllm", self._identity(), json.dumps(deciding, sort_keys=True, default=str))

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """See the protocol."""
        from vllm import SamplingParams
        from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind, StructuredOutputsParams

        loops = RepetitionDetectionParams(**VLLM_PARAMETERS)
        prompts = self.encode(requests)
        jobs = []
        for index, (request, ids) in enumerate(zip(requests, prompts, strict=True)):
            if not ids:
                arrived(index, Completion("", finish_reason="context"))
                continue
            held = StructuredOutputsParams(choice=list(request.choices)) if request.choices else None
            sampling = SamplingParams(
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                seed=request.seed,
                stop=list(request.stop),
                logprobs=request.logprobs,
                structured_outputs=held,
                repetition_detection=loops if request.end_loops else None,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            jobs.append((index, ids, sampling))

        def done(index: int, output: Any) -> None:
            arrived(index, self._completion(output, requests[index]))

        self._run(jobs, done)

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """One step each; what a prompt shares with the one before it by a token is in the prefix cache."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = SamplingParams(
            max_tokens=1,
            temperature=0.0,
            logprobs=-1 if top is None else top,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        found: list[Distribution | None] = [None] * len(prompts)

        def done(index: int, output: Any) -> None:
            (first,) = output.outputs[0].logprobs
            with suppress(ValueError):  # NaN, say: as good as a call that failed
                found[index] = {token: math.exp(valid_logprob(value.logprob)) for token, value in first.items()}

        self._run([(index, tuple(prompt), sampling) for index, prompt in enumerate(prompts)], done)
        return found

    def ends(self, token: int) -> bool:
        """Whether it is an end token of the tokenizer or of the model's generation config."""
        return token in self._ends

    def _run(self, jobs: Sequence[tuple[int, tuple[int, ...], Any]], done: Callable[[int, Any], None]) -> None:
        """Feed the engine and call ``done(index, output)`` as each request finishes.

        ``LLM.generate`` would return only when all have; the loop is the same as the one inside it.
        """
        from vllm.inputs import tokens_input

        engine = self._llm.llm_engine
        going: dict[str, int] = {}
        try:
            # Sorted by tokens, prompts with a common beginning are neighbours and find each other's in the cache.
            for index, ids, sampling in sorted(jobs, key=lambda job: job[1]):
                name = f"wbrag-{next(self._ids)}"
                engine.add_request(name, tokens_input(list(ids)), sampling)
                going[name] = index
                self.attempts += 1
            while engine.has_unfinished_requests():
                for output in engine.step():
                    if output.finished:
                        done(going.pop(output.request_id), output)
        except BaseException:
            # Otherwise the next batch would first have to sit through this one.
            engine.abort_request(list(going))
            raise

    def _completion(self, output: Any, request: Request) -> Completion:
        made = output.outputs[0]
        tokens = []
        for token, seen in zip(made.token_ids, made.logprobs or (), strict=False):
            # The end token is no part of the text.
            if token in self._ends:
                break
            # An engine held to choices lists the others too, as impossible.
            possible = [value for value in seen.values() if value.logprob > -math.inf] if request.logprobs else []
            likeliest = sorted(possible, key=lambda value: value.rank or 0)
            top = tuple((value.decoded_token or "", float(value.logprob)) for value in likeliest)
            tokens.append(Token(seen[token].decoded_token or "", float(seen[token].logprob), top))
        return Completion(
            made.text,
            tuple(tokens),
            len(output.prompt_token_ids),
            len(made.token_ids),
            "length" if made.finish_reason in ("length", "repetition") else "stop",
        )

    @cached_property
    def _llm(self) -> Any:
        from vllm import LLM

        with _one:
            if self.name in _running:
                return _running[self.name]
            if _running:
                raise InputError(
                    f"this process already runs {next(iter(_running))}, and vLLM takes the device for one model",
                    field="generator",
                    hint="use another process, or `vllm serve` with openai:URL#MODEL",
                )
            settings = {name: value for name, value in self._arguments.items() if name != "chat_template_kwargs"}
            settings = {"enable_prefix_caching": True, "max_logprobs": -1, "disable_log_stats": True} | settings
            if self._revision:
                settings["revision"] = self._revision
            _running[self.name] = LLM(model=self._model, **settings)
        return _running[self.name]

    @cached_property
    def _tokenizer(self) -> Any:
        return self._llm.get_tokenizer()

    @property
    def _context(self) -> int:
        return int(self._llm.llm_engine.model_config.max_model_len)

    @cached_property
    def _ends(self) -> frozenset[int]:
        configured = self._llm.llm_engine.model_config.try_get_generation_config().get("eos_token_id")
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in (*listed, self._tokenizer.eos_token_id) if token is not None)

    def _identity(self) -> str:
        folder = Path(self._model)
        if folder.is_dir():
            return hash_of_folder(folder)
        config = self._llm.llm_engine.model_config.hf_config
        return f"{self._model}@{getattr(config, '_commit_hash', None) or self._revision or 'unknown'}"
