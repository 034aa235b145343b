"""Single requests to an endpoint, to find out what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from wbrag_pipeline.errors import EndpointError
from wbrag_pipeline.generation.endpoints.openai_dialect import Dialect
from wbrag_pipeline.generation.endpoints.openai_format import Signs, chat_body, parse_chat, signs_in
from wbrag_pipeline.generation.endpoints.refusals import KeyRefused, Refused, Unanswered
from wbrag_pipeline.generation.endpoints.replicas import Replicas
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request

Told = TypeVar("Told")

PROBE = Request((Message("system", "Be brief."), Message("user", "Name a fruit.")), max_tokens=16)
# Statuses by which a server says that it is not well, or that it has had enough: nothing about what was asked.
_NOT_NOW = (408, 425, 429, 502, 503, 504, 529)


@dataclass(frozen=True)
class Heard:
    """The reply to a probe: the completion, and what else shows in it."""

    completion: Completion
    signs: Signs


@dataclass
class Prober:
    """Asks one endpoint for one model, single requests.

    settled: whether a plain request was answered. From then on a refusal is one of what was asked beside it: also where
    the key does not extend to it, and where a server breaks down over it, which is not waited for.
    """

    name: str
    replicas: Replicas
    extra: Mapping[str, Any]
    model: str = ""
    settled: bool = False

    def ask(self, path: str, body: Any, read: Callable[[Any], Told]) -> Told | Refused | Unanswered:
        """What ``read`` makes of the reply, or the Refused or Unanswered that came instead of it.

        Raises KeyRefused, and EndpointError where the server is not well while it is asked what it can do.
        """
        outcomes: list[Told | Refused | Unanswered] = []

        def arrived(_: int, outcome: Told | Refused | Unanswered) -> None:
            outcomes.append(outcome)

        def once(tries: int | None) -> Told | Refused | Unanswered:
            self.replicas.send(1, lambda _: (path, body), lambda _, reply: read(reply), arrived, tries)
            return outcomes.pop()

        if not self.settled:
            return once(None)
        try:
            outcome = once(2)
            if isinstance(outcome, Unanswered) and outcome.status in (0, *_NOT_NOW) and path == "/chat/completions":
                outcome = once(None)
        except KeyRefused as refused:
            return Refused(refused.status, refused.message)
        if isinstance(outcome, Unanswered) and outcome.status in (0, *_NOT_NOW):
            if path != "/chat/completions":  # a route that not every server has: some cut the connection over it
                return outcome
            raise EndpointError(f"{self.name} stopped answering while it was asked what it can do: {outcome}")
        return outcome

    def chat(self, request: Request, dialect: Dialect) -> Heard | Refused | Unanswered:
        """The reply to one request in that dialect, also one that lacks log-probabilities."""
        lenient = replace(dialect, logprobs=None)
        body = chat_body(self.model, request, dialect, self.extra)
        return self.ask(
            "/chat/completions", body, lambda reply: Heard(parse_chat(reply, request, lenient), signs_in(reply))
        )

    def completion(self, request: Request, dialect: Dialect) -> Completion | None:
        """The completion of one request in that dialect; None where there is none, or none that says anything."""
        heard = self.chat(request, dialect)
        return heard.completion if isinstance(heard, Heard) and heard.completion.final else None
