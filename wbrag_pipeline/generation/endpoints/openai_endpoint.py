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
from typing import TYPE_CHECKING, Any, Self

from wbrag_pipeline.errors import EndpointError, InputError
from wbrag_pipeline.generation.endpoints.api_key import KEY_VARIABLES
from wbrag_pipeline.generation.endpoints.endpoint_address import PREFIX, parse_name
from wbrag_pipeline.generation.endpoints.endpoint_discovery import Discovery, find_out, say_what_is_lacking
from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect, adjusted, with_arguments
from wbrag_pipeline.generation.endpoints.openai_format import chat_body, chat_messages, parse_chat
from wbrag_pipeline.generation.endpoints.openai_routes import (
    only_token,
    parse_detokenized,
    parse_distribution,
    parse_end_and_text,
    parse_templated,
    parse_token_count,
    parse_token_ids,
    token_body,
    tokenize_body,
)
from wbrag_pipeline.generation.endpoints.refusals import Refused, Unanswered
from wbrag_pipeline.generation.endpoints.replicas import Replicas, RetryPolicy
from wbrag_pipeline.generation.engine_protocol import Capabilities, Completion, Distribution, Request
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.settings import DEFAULT_REASONING_TOKENS
from wbrag_pipeline.storage import sha256_of_text

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)


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
        """``extra`` goes into every chat body (``chat_template_kwargs``, say), and a field that is None there is left
        out of it; ``transport`` is httpx', for tests."""
        self.name = f"{PREFIX}{','.join(urls)}#{model}" + (f"@{revision}" if revision else "")
        self.reasoning_tokens = DEFAULT_REASONING_TOKENS
        self._dialect_in_use = Dialect()
        self._named, self._revision, self._extra = model, revision, dict(extra or {})
        self._replicas = Replicas(tuple(urls), policy or RetryPolicy(), transport)
        self._said: set[str] = set()
        self._shown: dict[int, tuple[bool, bool]] = {}

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Any]) -> Self:
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
        return sha256_of_text("openai", self._named, self._revision, json.dumps(self._extra, sort_keys=True))

    @property
    def attempts(self) -> int:
        """HTTP requests sent so far, every try counted."""
        return self._replicas.attempts

    @property
    def capabilities(self) -> Capabilities:
        """Found out at the first use, and said where something is lacking."""
        return self._dialect.capabilities

    @property
    def room_to_think(self) -> int:
        """Tokens that the model may think before each answer; 0 for one that does not."""
        return self._dialect.thought

    @property
    def findings(self) -> list[str]:
        """What was found out about the server."""
        dialect, context = self._dialect, self._found.context
        told = [*self._found.told, *([f"has a context of {context:,} tokens"] if context else [])]
        if dialect.logprobs:
            told.append(f"gives the {dialect.logprobs} likeliest tokens at each place")
        if dialect.token_prompts and dialect.whole is None:
            told.append("gives no whole distributions: some tokens of replug's answers are not proved to be likeliest")
        return [*told, "counts tokens" if dialect.tokenize else "counts no tokens: their numbers are estimates"]

    @cached_property
    def _found(self) -> Discovery:
        arguments = (self._named, self._revision, self._replicas, self._extra, self.reasoning_tokens)
        found = find_out(self.name, *arguments)
        for told in found.told:
            self._say(f"{self.name} {told}")
        say_what_is_lacking(self.name, found.dialect.capabilities)
        self._dialect_in_use = found.dialect
        return found

    @property
    def _dialect(self) -> Dialect:
        _ = self._found
        return self._dialect_in_use

    @property
    def _model(self) -> str:
        return self._found.model

    def render(self, requests: Sequence[Request]) -> list[str]:
        """The messages as JSON: the template is the server's."""
        return [json.dumps(chat_messages(request), ensure_ascii=False) for request in requests]

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """See the protocol. What the server turns out not to take is left out, and such requests are sent again."""
        waiting = list(range(len(requests)))
        while waiting:
            waiting = self._complete(requests, waiting, arrived)

    def _complete(
        self, requests: Sequence[Request], asked: Sequence[int], arrived: Callable[[int, Completion], None]
    ) -> list[int]:
        """Complete the requests at these places; gives those that are to be put otherwise, now that it is known how."""
        dialect, again = self._dialect, list[int]()

        def done(place: int, outcome: Completion | Refused | Unanswered) -> None:
            if isinstance(outcome, Refused) and self._learns_from(outcome, dialect):
                again.append(asked[place])
            else:
                arrived(asked[place], self._not_had(outcome) if isinstance(outcome, Exception) else outcome)
            if isinstance(outcome, Completion) and outcome.failed:
                self._say(
                    f"{self.name}: an answer was empty when its tokens were used up, or after the model had thought; "
                    "such calls have failed",
                    key="empty",
                )

        self._replicas.send(
            len(asked),
            lambda i: ("/chat/completions", chat_body(self._model, requests[asked[i]], dialect, self._extra)),
            lambda i, reply: parse_chat(reply, requests[asked[i]], dialect),
            done,
        )
        return again

    def _learns_from(self, refusal: Refused, dialect: Dialect) -> bool:
        """Whether a request that was put in ``dialect`` can be put otherwise after this refusal."""
        better = None if refusal.too_long or refusal.status not in (400, 422) else adjusted(dialect, refusal.message)
        if better is None:
            return False
        changed, adjustment = better
        if changed != self._dialect_in_use:
            self._dialect_in_use = changed
            self._say(f"{self.name} {adjustment.told}")
        return True

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """By the server's /tokenize where it has one, else an estimate, which is said once.

        Estimates are no incident: they decide nothing, but are figures for people.
        """
        if field := self._dialect.tokenize:
            bodies = [tokenize_body(self._model, text, field) for text in texts]
            counted = self._ask_all("//tokenize", bodies, parse_token_count)
            if None not in counted:
                return [count for count in counted if count is not None]
        self._say(f"{self.name} counts no tokens: their numbers are estimates")
        return estimated_tokens(texts)

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """By the server's /tokenize."""
        bodies = [tokenize_body(self._model, text, self._dialect.tokenize or "prompt") for text in texts]
        coded = self._ask_all("//tokenize", bodies, parse_token_ids, needed=True)
        return [ids[0] if ids and len(ids) == 1 else None for ids in coded]

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """By the server's /tokenize, with its chat template."""
        dialect, context = self._dialect, self._found.context
        messages = [{"messages": chat_messages(request, dialect.system)} for request in requests]
        if dialect.templates:
            asked = [with_arguments(body, dialect, self._extra) for body in messages]
            texts = self._ask_all("//apply-template", asked, parse_templated, needed=True)
            bodies = [tokenize_body(self._model, text or "", dialect.tokenize, special=True) for text in texts]
        else:
            bodies = [
                with_arguments({"model": self._model, **body, **_turn(request)}, dialect, self._extra)
                for body, request in zip(messages, requests, strict=True)
            ]
        coded = self._ask_all("//tokenize", bodies, parse_token_ids, needed=True)
        return [
            ids if ids and (context is None or len(ids) + request.max_tokens <= context) else ()
            for ids, request in zip(coded, requests, strict=True)
        ]

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """See the protocol."""
        whole = self._dialect.whole
        if top is None and whole is None:
            self._say(
                f"{self.name} does not hand out whole distributions, only the likeliest tokens; `vllm serve` does with "
                "--max-logprobs -1"
            )
            return [None] * len(prompts)
        bodies = [token_body(self._model, prompt, whole if top is None and whole else top or 0) for prompt in prompts]
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
            body = token_body(self._model, [token], 1) | only_token(token, vllm=self._dialect.vllm)
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

        needed: raise EndpointError in place of a None, but for what does not fit. Token ids and texts are of that kind:
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
            raise EndpointError(f"{self.name} fails at {path.removeprefix('/')}: {lost[0]}; a rerun goes on from here")
        return results

    def _not_had(self, outcome: Refused | Unanswered) -> Completion:
        if isinstance(outcome, Refused) and outcome.too_long:
            return Completion("", finish_reason="context")
        # The same trouble hits many rows; the count of failed calls is in usage and ledger.
        kind = f"HTTP {outcome.status}" if isinstance(outcome, Refused) else "no usable reply"
        self._say(f"{self.name}: a request failed for good: {outcome}", key=kind)
        return Completion("", finish_reason="failed")

    def _say(self, message: str, key: str = "") -> None:
        if (key or message) not in self._said:
            self._said.add(key or message)
            _log.warning("%s", message)


def _turn(request: Request) -> dict[str, bool]:
    """Fields of vLLM's /tokenize: whether the assistant's turn begins, or goes on from its beginning."""
    return {"add_generation_prompt": not request.prefix, "continue_final_message": bool(request.prefix)}
