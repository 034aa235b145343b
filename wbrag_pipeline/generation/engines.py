"""From the setting ``generator``, a string, to the generator it names: the reader, or a language model's engine.

An engine is named by what stands before the first colon. A plug-in's entry point is called as the built-in ones are,
with the setting's whole value and the engine's arguments, and gives an ``engine_protocol.Engine``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbrag_pipeline.checked_model import json_object
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.plugins import ENGINES_GROUP, ExtensionPoint
from wbrag_pipeline.settings import DEFAULT_REASONING_TOKENS

if TYPE_CHECKING:
    from wbrag_pipeline.generation.engine_protocol import Engine
    from wbrag_pipeline.generation.generator import Generator
    from wbrag_pipeline.settings import Settings


@lru_cache(maxsize=2)
def load_generator(
    name: str,
    completions: Path | None = None,
    arguments: str = "",
    reasoning_tokens: int = DEFAULT_REASONING_TOKENS,
    num_fewshot: int = 0,
) -> Generator:
    """The generator of that name, loaded once a process; ``completions`` is the file of its cache and ledger.

    ``reader`` is the embedded reader, which takes no ``arguments``; for other names see ``engine_named``, which gets
    ``arguments``, a JSON object. ``reasoning_tokens`` is the room that an engine gives reasoning models to think
    (``engine_protocol.Thinks``), ``num_fewshot`` the number of examples in its prompts.
    Raises InputError for a name that no engine answers to and for arguments that are no JSON object or that it does
    not take, MissingPartError where its library is not installed.
    """
    from wbrag_pipeline.generation.accounts.completions import CompletionCache

    given = json_object(arguments, "engine_arguments", '{"dtype": "bfloat16"}')
    cache = CompletionCache(completions) if completions else None
    if name == "reader":
        from wbrag_pipeline.generation.reader.reader import Reader

        return Reader(cache)
    from wbrag_pipeline.generation.engine_protocol import SendsBatches, Thinks
    from wbrag_pipeline.generation.language_model import LanguageModel

    engine = engine_named(name, given)
    if isinstance(engine, Thinks):
        engine.reasoning_tokens = reasoning_tokens
    if completions is not None and isinstance(engine, SendsBatches):
        engine.batches = completions.parent / "batches"
    return LanguageModel(engine, cache, num_fewshot)


def deployed_generator(settings: Settings) -> Generator:
    """The generator that the settings name, over their completion cache."""
    return load_generator(
        settings.generator,
        settings.layout.completions,
        settings.engine_arguments,
        settings.reasoning_tokens,
        settings.num_fewshot,
    )


def check_generator(name: str) -> None:
    """Raise InputError for a name that no engine answers to, and for a plug-in that cannot be imported.

    No model is loaded.
    """
    kind, found, rest = name.partition(":")
    if name != "reader" and not (found and rest and ENGINES.get(kind)):
        known = ENGINES.listed("{}:…")
        raise InputError(f"there is no generator {name!r}", field="generator", hint=f"use reader, {known}")


def engine_named(name: str, arguments: Mapping[str, Any]) -> Engine:
    """The engine behind a language model.

    ``vllm:MODEL[@REVISION]``: in this process; ``arguments`` are vLLM's engine arguments (``tensor_parallel_size``,
    ``dtype``, …). ``transformers:MODEL[@REVISION]``: Hugging Face transformers in this process; ``arguments`` are
    ``causal_model.ARGUMENTS``. ``openai:URL[,URL…]#MODEL[@REVISION]``: a server; ``arguments`` are fields of
    ``replicas.RetryPolicy``, and what else there is goes into every request's body. ``openai-batch:URL#MODEL``: the
    same through a batch API; fields of ``openai_batch.Batching`` too. ``ray:MODEL[@REVISION]``: a Ray
    cluster; ``arguments`` are fields of ``ray_engine.Cluster``, and vLLM's.
    """
    from wbrag_pipeline.generation.engine_protocol import Engine

    check_generator(name)
    engine: Engine = ENGINES.make(name.partition(":")[0], Engine, name, arguments)
    return engine


def _vllm(name: str, arguments: Mapping[str, Any]) -> Engine:
    from wbrag_pipeline.generation.in_process.vllm_engine import VllmEngine

    return VllmEngine.named(name, arguments)


def _transformers(name: str, arguments: Mapping[str, Any]) -> Engine:
    from wbrag_pipeline.generation.in_process.transformers_engine import TransformersEngine

    return TransformersEngine.named(name, arguments)


def _openai(name: str, arguments: Mapping[str, Any]) -> Engine:
    from wbrag_pipeline.generation.endpoints.openai_endpoint import OpenAIEndpoint

    return OpenAIEndpoint.named(name, arguments)


def _openai_batch(name: str, arguments: Mapping[str, Any]) -> Engine:
    from wbrag_pipeline.generation.endpoints.openai_batch import OpenAIBatch

    return OpenAIBatch.named(name, arguments)


def _ray(name: str, arguments: Mapping[str, Any]) -> Engine:
    from wbrag_pipeline.generation.ray_engine import RayEngine

    return RayEngine.named(name, arguments)


# A further kind of engine is one line here and one file that implements ``engine_protocol.Engine``.
ENGINES: ExtensionPoint[Callable[[str, Mapping[str, Any]], Engine]] = ExtensionPoint(
    ENGINES_GROUP,
    "generator",
    {"transformers": _transformers, "vllm": _vllm, "openai": _openai, "openai-batch": _openai_batch, "ray": _ray},
    reserved=("reader",),
)


def writes_text(name: str) -> bool:
    """Whether the generator of that name writes text of its own; the embedded reader points at what is there."""
    return name != "reader"


# Engines that ask no server; of those that other packages bring nothing is known.
_IN_THIS_PROCESS = ("reader", "transformers", "vllm")


def runs_in_this_process(name: str) -> bool:
    """Whether the generator of that name asks nobody over a network: what failed once would fail again."""
    return name.partition(":")[0] in _IN_THIS_PROCESS
