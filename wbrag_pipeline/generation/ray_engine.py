"""A Ray cluster as an engine: ``ray:MODEL[@REVISION]``, by ``ray.data.llm``.

A batch becomes a Ray dataset, which Ray Data's processor sends through a vLLM deployment of Ray Serve. The deployment
outlives the batch: Ray Data's own vLLM processor starts its engines anew for each dataset, which takes longer than most
batches do. Placing replicas, keeping them up, back-pressure and sharing out are Ray's. So is clearing up: replicas
that have had nothing to do for ten minutes go, also those of a process that was killed. API: docs.ray.io, "Working with
LLMs" (Ray Data) and "Serving LLMs" (Ray Serve).

RePlug goes token by token, and a dataset takes seconds: for it there are ``vllm serve`` replicas behind ``openai:``.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from wbrag_pipeline.errors import InputError, MissingPartError, WbragError
from wbrag_pipeline.generation.accounts.model_identity import DECIDING, hash_of_folder
from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect
from wbrag_pipeline.generation.endpoints.openai_format import chat_body, parse_chat
from wbrag_pipeline.generation.endpoints.reply_body import Malformed, quoted, read_json
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request
from wbrag_pipeline.generation.in_process.chat_template import ChatTemplate
from wbrag_pipeline.generation.in_process.local_tokenizer import LocalTokenizer
from wbrag_pipeline.ray_cluster import join_cluster
from wbrag_pipeline.storage import sha256_of_text

_log = logging.getLogger(__name__)
_PREFIX = "ray:"
_ALTERNATIVES = 20
_DEPLOYMENT = "model"
_IDLE_SECONDS = 600


@dataclass(frozen=True)
class Cluster:
    """Where and how wide.

    address: of a running cluster, or "" for the one that RAY_ADDRESS names, else one on this machine.
    replicas: copies of the model at work, at most. rows: requests that a replica has at a time.
    bundle: what one worker of a replica needs, as Ray resources; {} is one GPU. {"CPU": 1} runs without one.
    """

    address: str = ""
    replicas: int = 1
    rows: int = 256
    bundle: Mapping[str, float] | None = None


class RayEngine(LocalTokenizer):
    """Implements ``engine_protocol.Engine``, but for next-token distributions."""

    capabilities = Capabilities(logprobs=_ALTERNATIVES, structured=True, continues=True, distributions=False)

    def __init__(
        self, model: str, revision: str = "", cluster: Cluster | None = None, arguments: Mapping[str, Any] | None = None
    ) -> None:
        """``arguments`` are vLLM's EngineArgs, and ``chat_template_kwargs`` for the template.

        Raises MissingPartError where Ray or vLLM is not installed.
        """
        for part in ("ray", "vllm"):
            if importlib.util.find_spec(part) is None:
                raise MissingPartError(f"{part}, which ray:MODEL needs,", "pip install 'wbrag-pipeline[gpu,ray]'")
        self.name = f"{_PREFIX}{model}" + (f"@{revision}" if revision else "")
        self._model, self._revision, self._cluster = model, revision, cluster or Cluster()
        self._arguments = dict(arguments or {})
        self._template_arguments = self._arguments.pop("chat_template_kwargs", None) or {}
        self.attempts = 0

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Any]) -> RayEngine:
        """The engine that the setting names. ``arguments``: fields of Cluster; others are vLLM's."""
        model, _, revision = name.removeprefix(_PREFIX).partition("@")
        own = {field: value for field, value in arguments.items() if field in Cluster.__dataclass_fields__}
        rest = {field: value for field, value in arguments.items() if field not in own}
        return cls(model, revision, Cluster(**own), rest)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the model and of the arguments that change its output."""
        deciding = {name: self._arguments[name] for name in DECIDING if name in self._arguments}
        deciding |= {"chat_template_kwargs": self._template_arguments} if self._template_arguments else {}
        folder = Path(self._model)
        commit = getattr(self._config, "_commit_hash", None) or self._revision or "unknown"
        identity = hash_of_folder(folder) if folder.is_dir() else f"{self._model}@{commit}"
        return sha256_of_text("ray", identity, json.dumps(deciding, sort_keys=True, default=str))

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """See the protocol. A row that the cluster gives up on, or never hands back, arrives as failed."""
        coded = self.encode(requests)
        for index, ids in enumerate(coded):
            if not ids:
                arrived(index, Completion("", finish_reason="context"))
        # Sorted by tokens, prompts with a common beginning are neighbours and find each other's in the cache.
        order = sorted((index for index, ids in enumerate(coded) if ids), key=lambda index: coded[index])
        if not order:
            return
        import ray

        dialect = Dialect(
            vllm=True,
            system=self._template.system,
            logprobs=_ALTERNATIVES,
            structured="structured_outputs",
            continues="flags",
        )
        extra = {"chat_template_kwargs": self._template_arguments} if self._template_arguments else {}
        bodies = [json.dumps(chat_body(_DEPLOYMENT, requests[index], dialect, extra)) for index in order]
        application = self._application
        self.attempts += len(order)
        rows = [{"index": index, "body": body} for index, body in zip(order, bodies, strict=True)]
        waiting = set(order)
        for row in self._processor(application, len(rows))(ray.data.from_items(rows)).iter_rows():
            index = int(row["index"])
            waiting.discard(index)
            arrived(index, self._completion(row, requests[index], dialect))
        for index in sorted(waiting):
            arrived(index, Completion("", finish_reason="failed"))

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """Not to be had: see the module's docstring."""
        return [None] * len(prompts)

    def ends(self, token: int) -> bool:
        """Whether it is the tokenizer's end token."""
        return bool(token == self._tokenizer.eos_token_id)

    def _processor(self, application: str, rows: int) -> Any:
        """Ray Data's processor for a batch of so many rows."""
        from ray.data.llm import ServeDeploymentProcessorConfig, build_processor

        configuration = ServeDeploymentProcessorConfig(
            deployment_name=_DEPLOYMENT,
            app_name=application,
            batch_size=self._cluster.rows,
            concurrency=min(self._cluster.replicas, math.ceil(rows / self._cluster.rows)),
            should_continue_on_error=True,
        )
        return build_processor(configuration, preprocess=_asking)

    @cached_property
    def _application(self) -> str:
        """The deployment's name, once it is up: started, or gone on with where an earlier process left it."""
        join_cluster(self._cluster.address)
        import ray.data
        from ray import serve

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        # A lost block is some rows that failed, and no reason to lose the others.
        context.max_errored_blocks = -1
        # No proxies: nothing is to listen on the cluster's network.
        serve.start(proxy_location="Disabled", logging_config={"log_level": "WARNING", "enable_access_log": False})
        for part in ("ray.data", "ray.serve", "ray.llm"):
            logging.getLogger(part).setLevel(logging.WARNING)
        name = f"wbrag-{self.fingerprint[:12]}"
        try:
            serve.run(self._deployment(), name=name, route_prefix=None)
        except RuntimeError as error:
            raise WbragError(f"{self.name} does not start on the cluster: {error}") from error
        return name

    def _deployment(self) -> Any:
        from ray.serve.llm import LLMConfig, build_llm_deployment

        from wbrag_pipeline.generation.ray_replica import RayReplica

        arguments = {"enable_prefix_caching": True, "max_logprobs": _ALTERNATIVES} | self._arguments
        if self._revision:
            arguments["revision"] = self._revision
        bundle, most = self._cluster.bundle, self._cluster.replicas
        scaling = {"min_replicas": 0, "initial_replicas": most, "max_replicas": most}
        scaling |= {"target_ongoing_requests": self._cluster.rows, "downscale_delay_s": _IDLE_SECONDS}
        configuration = LLMConfig(
            model_loading_config={"model_id": _DEPLOYMENT, "model_source": self._model},
            engine_kwargs=arguments,
            placement_group_config={"bundle_per_worker": dict(bundle)} if bundle else None,
            deployment_config={"autoscaling_config": scaling},
            log_engine_metrics=False,
        )
        return build_llm_deployment(
            configuration, deployment_cls=RayReplica, override_serve_options={"name": _DEPLOYMENT}
        )

    def _completion(self, row: Mapping[str, Any], request: Request, dialect: Dialect) -> Completion:
        problem = row.get("__inference_error__")
        if not problem:
            try:
                return parse_chat(read_json(str(row.get("reply") or "").encode(errors="replace")), request, dialect)
            except Malformed as error:
                problem = f"{error}: {row.get('reply')}"
        _log.warning("%s: a request failed for good: %s", self.name, quoted(str(problem).encode(errors="replace")))
        return Completion("", finish_reason="failed")

    @cached_property
    def _config(self) -> Any:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self._model, revision=self._revision or None)

    @cached_property
    def _context(self) -> int:
        length = self._arguments.get("max_model_len") or getattr(self._config, "max_position_embeddings", None)
        if not length:
            raise InputError("says nowhere how long a prompt may be", file=self._model, hint="give max_model_len")
        return int(length)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._model, revision=self._revision or None)

    @cached_property
    def _template(self) -> ChatTemplate:
        template = ChatTemplate(self._tokenizer, self._template_arguments)
        if template.plain:
            raise InputError(
                f"{self.name} has no chat template", field="generator", hint="take a chat model, or vllm:MODEL"
            )
        return template


def _asking(row: dict[str, Any]) -> dict[str, Any]:
    """What the processor wants of a row; runs on the cluster."""
    return {"index": row["index"], "method": "complete", "request_kwargs": {"body": row["body"]}}
