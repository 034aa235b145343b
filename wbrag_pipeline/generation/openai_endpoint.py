"""Any OpenAI-compatible server as an engine: ``vllm serve``, Ollama, llama.cpp, hosted ones.

``openai:URL[,URL…]#MODEL``: several URLs are replicas of one model. What a server lacks is found out at the first use
and said once. Ollama cuts a prompt at its own ``num_ctx`` and does not say so: set that large enough there.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wbrag_pipeline.errors import InputError, WbragError
from wbrag_pipeline.generation.api_key import KEY_VARIABLES
from wbrag_pipeline.generation.endpoint_discovery import capabilities_of, find_out, say_what_is_lacking
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request
from wbrag_pipeline.generation.openai_format import (
    Dialect,
    chat_body,
    chat_messages,
    is_too_long,
    parse_chat,
    parse_detokenized,
    parse_distribution,
    parse_end_and_text,
    parse_token_count,
    parse_token_ids,
    token_body,
)
from wbrag_pipeline.generation.replicas import Refused, Replicas, RetryPolicy, Unanswered
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.storage import sha256_of_text

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)
_PREFIX = "openai:"


class OpenAIEndpoint:
    """Implements ``engine_protocol.Engine`` over HTTP. Nothing is sent before the first call that needs it."""

    def __init__(
        self,
        urls: Sequence[str],
        model: str,
        *,
        revision: str = "",
        policy: RetryPolicy | None = None,
        extra: Mapping[str, Any] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``extra`` goes into every chat body (``chat_template_kwargs``, say); ``transport`` is httpx', for tests."""
        self.name = f"{_PREFIX}{','.join(urls)}#{model}" + (f"@{revision}" if revision else "")
        self._model, self._revision, self._extra = model, revision, dict(extra or {})
        self._replicas = Replicas(tuple(urls), policy or RetryPolicy(), transport)
        self._said: set[str] = set()
        self._shown: dict[int, tuple[bool, bool]] = {}

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Any]) -> OpenAIEndpoint:
        """The endpoint that the setting names. ``arguments``: fields of RetryPolicy; others go into the bodies.

        Raises InputError for a name of another form, and for a key in it: keys come from the environment only.
        """
        urls, model, revision = parse_name(name)
        for field in arguments:
            if re.search(r"api_?key|authorization|secret|password", field, re.IGNORECASE):
                raise InputError("keys come from the environment only", field=field, hint=f"set {KEY_VARIABLES[0]}")
        own = {field.name for field in fields(RetryPolicy)}
        policy = RetryPolicy(**{field: value for field, value in arguments.items() if field in own})
        extra = {field: value for field, value in arguments.items() if field not in own}
        return cls(urls, model, revision=revision, policy=policy, extra=extra)

    @property
    def fingerprint(self) -> str:
        """Hash of model, revision and extra fields. Not of the URLs: a server that moved is the same model."""
        return sha256_of_text("openai", self._model, self._revision, json.dumps(self._extra, sort_keys=True))

    @property
    def attempts(self) -> int:
        """HTTP requests sent so far, every try counted."""
        return self._replicas.attempts

    @property
    def capabilities(self) -> Capabilities:
        """Found out at the first use, and said where something is lacking."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[Dialect, Capabilities, int | None]:
        dialect, context = find_out(self.name, self._model, self._replicas, self._extra)
        found = capabilities_of(dialect)
        say_what_is_lacking(self.name, found)
        return dialect, found, context

    @property
    def _dialect(self) -> Dialect:
        return self._found[0]

    def render(self, requests: Sequence[Request]) -> list[str]:
        """The messages as JSON: the template is the server's."""
        return [json.dumps(chat_messages(request), ensure_ascii=False) for request in requests]

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """See the protocol."""
        dialect = self._dialect

        def done(index: int, outcome: Completion | Refused | Unanswered) -> None:
            arrived(index, outcome if isinstance(outcome, Completion) else self._not_had(outcome))

        self._replicas.send(
            len(requests),
            lambda i: ("/chat/completions", chat_body(self._model, requests[i], dialect, self._extra)),
            lambda i, reply: parse_chat(reply, requests[i], dialect),
            done,
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """By the server's /tokenize where it is ``vllm serve``, else an estimate, which is said once.

        Estimates are no incident: they decide nothing, but are figures for people.
        """
        if self._dialect.vllm:
            counted = self._ask_all(
                "//tokenize",
                [{"model": self._model, "prompt": text, "add_special_tokens": False} for text in texts],
                parse_token_count,
            )
            if None not in counted:
                return [count for count in counted if count is not None]
        self._say(f"{self.name} counts no tokens: their numbers are estimates")
        return estimated_tokens(texts)

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """By the server's /tokenize."""
        bodies = [{"model": self._model, "prompt": text, "add_special_tokens": False} for text in texts]
        coded = self._ask_all("//tokenize", bodies, parse_token_ids, needed=True)
        return [ids[0] if ids and len(ids) == 1 else None for ids in coded]

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """By the server's /tokenize, with its chat template."""
        system, context = self._dialect.system, self._found[2]
        bodies = [
            {
                "model": self._model,
                "messages": chat_messages(request, system),
                "add_generation_prompt": not request.prefix,
                "continue_final_message": bool(request.prefix),
                **self._extra,
            }
            for request in requests
        ]
        coded = self._ask_all("//tokenize", bodies, parse_token_ids, needed=True)
        return [
            ids if ids and (context is None or len(ids) + request.max_tokens <= context) else ()
            for ids, request in zip(coded, requests, strict=True)
        ]

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """See the protocol."""
        if top is None and not self._dialect.whole:
            self._say(
                f"{self.name} does not hand out whole distributions, so some of replug's answers cannot be proved "
                "and are left out as failed; start the server with --max-logprobs -1"
            )
            return [None] * len(prompts)
        bodies = [token_body(self._model, prompt, -1 if top is None else top) for prompt in prompts]
        return self._ask_all("/completions", bodies, parse_distribution)

    def decode(self, ids: Sequence[int]) -> str:
        """By the server's /detokenize, which writes special tokens out: they are left out before."""
        return self._written([token for token in ids if not self._shows(token)[1]])

    def ends(self, token: int) -> bool:
        """See ``_shows``."""
        return self._shows(token)[0]

    def _shows(self, token: int) -> tuple[bool, bool]:
        """Whether a token ends the turn, and whether it is a special one that no text shows.

        Found out by making the server generate it: it says whether it then stopped or ran out of room, and leaves
        special tokens out of the text. So it does with the half of a character, which /detokenize tells apart.
        """
        if token not in self._shown:
            body = token_body(self._model, [token], 1) | {"allowed_token_ids": [token]}
            ((finish, text),) = self._ask_all("/completions", [body], parse_end_and_text, needed=True)
            self._shown[token] = finish == "stop", not text and "\ufffd" not in self._written([token])
        return self._shown[token]

    def _written(self, ids: Sequence[int]) -> str:
        if not ids:
            return ""
        body = {"model": self._model, "tokens": list(ids)}
        (text,) = self._ask_all("//detokenize", [body], parse_detokenized, needed=True)
        return str(text)

    def _ask_all(
        self, path: str, bodies: Sequence[Any], read: Callable[[Any], Any], *, needed: bool = False
    ) -> list[Any]:
        """What ``read`` makes of each reply, None for what could not be had.

        needed: raise WbragError in place of a None, but for what does not fit. Token ids and texts are of that kind:
        without them a prompt would be taken for too long, or a cut answer for a whole one that is stored for good.
        """
        results: list[Any] = [None] * len(bodies)
        lost: list[Refused | Unanswered] = []

        def done(index: int, outcome: Any) -> None:
            if isinstance(outcome, Refused | Unanswered):
                if self._not_had(outcome).failed:
                    lost.append(outcome)
            else:
                results[index] = outcome

        self._replicas.send(len(bodies), lambda i: (path, bodies[i]), lambda _, reply: read(reply), done)
        if lost and needed:
            raise WbragError(f"{self.name} fails at {path.removeprefix('/')}: {lost[0]}; a rerun goes on from here")
        return results

    def _not_had(self, outcome: Refused | Unanswered) -> Completion:
        if isinstance(outcome, Refused) and is_too_long(outcome):
            return Completion("", finish_reason="context")
        # The same trouble hits many rows; the count of failed calls is in usage and ledger.
        kind = f"HTTP {outcome.status}" if isinstance(outcome, Refused) else "no usable reply"
        self._say(f"{self.name}: a request failed for good: {outcome}", key=kind)
        return Completion("", finish_reason="failed")

    def _say(self, message: str, key: str = "") -> None:
        if (key or message) not in self._said:
            self._said.add(key or message)
            _log.warning("%s", message)


def parse_name(name: str) -> tuple[list[str], str, str]:
    """URLs, model and revision ("" for none) of ``openai:URL[,URL…]#MODEL[@REVISION]``."""
    where, found, model = name.removeprefix(_PREFIX).partition("#")
    model, _, revision = model.partition("@")
    urls = [url.strip().rstrip("/") for url in where.split(",") if url.strip()]
    if not (found and model and urls):
        raise InputError(
            f"{_hide(name)!r} names no model of an endpoint",
            field="generator",
            hint="for example openai:http://127.0.0.1:8000/v1#model",
        )
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{_hide(url)!r} is no http address", field="generator")
        if parts.username or parts.password or parts.query:
            raise InputError(
                "an endpoint's address holds no key or query",
                field="generator",
                hint=f"put the key into {' or '.join(KEY_VARIABLES)}",
            )
    return urls, model, revision


def _hide(text: str) -> str:
    """``text`` without what stands before an @ or after a question mark in an address."""
    return re.sub(r"//[^/@,#]*@", "//…@", re.sub(r"\?[^#,]*", "?…", text))
