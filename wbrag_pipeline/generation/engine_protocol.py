"""What runs a language model: prompts in, completions with log-probabilities out.

``LanguageModel`` speaks to this protocol; ``vllm_engine`` and ``openai_endpoint`` implement it. A further engine (a
cluster, say) is one more file that does the same. Requests come in batches as large as the stage has them, and an
engine hands each completion over as it arrives, so that a killed run has lost only what was on its way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.valid_values import valid_count, valid_list, valid_logprob, valid_text

Role = Literal["system", "user", "assistant"]
# How a completion ended. "context": the prompt does not fit; nothing was generated, and a shorter prompt may.
Finish = Literal["stop", "length", "context", "failed"]
# A next-token distribution, or the head of one: token id → probability.
Distribution = Mapping[int, float]


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True)
class Request:
    """One completion that is wanted.

    prefix: the beginning of the assistant's turn, which the engine goes on from.
    choices: the only texts that may come back, or () for free text. An engine without structured output
        (``Capabilities.structured``) leaves them aside, and the task reads the free text.
    logprobs: None for none, 0 for the chosen tokens' own, n for the n likeliest alternatives beside them.
    end_loops: end the completion, as if at its limit, where it repeats itself without end (``repetition``). Engines
        that cannot tell go on to the limit.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    prefix: str = ""
    temperature: float = 0.0
    seed: int = 0
    choices: tuple[str, ...] = ()
    logprobs: int | None = None
    stop: tuple[str, ...] = ()
    end_loops: bool = False

    @property
    def sampling(self) -> str:
        """All that decides the completion beside model and prompt, as one string for the cache's key."""
        values = asdict(self)
        del values["messages"], values["prefix"]
        if not self.end_loops:
            del values["end_loops"]  # the keys of what was asked before this field existed
        return json.dumps(values, sort_keys=True)


@dataclass(frozen=True)
class Token:
    """A generated token with its natural log-probability, and the likeliest ones at its place (itself included)."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Completion:
    """What came back. ``failed``: it never did, after all the tries that the engine's policy allows.

    reasoning_tokens: how many of ``completion_tokens`` a reasoning model thought before it answered; the thought itself
        is nowhere. A figure of the call, like ``attempts``: it is counted and not stored.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: Finish = "stop"
    reasoning_tokens: int = field(default=0, compare=False)

    @property
    def failed(self) -> bool:
        """Whether the row is to be recorded as failed. A prompt that does not fit is not: it can be shortened."""
        return self.finish_reason == "failed"

    @property
    def final(self) -> bool:
        """Whether asking again would bring the same: only such completions are worth keeping."""
        return self.finish_reason in ("stop", "length")

    @property
    def used_up(self) -> bool:
        """Whether the token limit came before there was any text: that is no answer."""
        return self.finish_reason == "length" and not self.text.strip()

    def to_json(self) -> list[Any]:
        """As JSON values, see ``from_json``."""
        tokens = [[token.text, token.logprob, [list(pair) for pair in token.top]] for token in self.tokens]
        return [self.text, tokens, self.prompt_tokens, self.completion_tokens, self.finish_reason]

    @classmethod
    def from_json(cls, value: Any) -> Completion:
        """The completion that ``to_json`` was made of.

        Raises ValueError, with what is wrong, for what no engine can have meant: this is where completions are checked,
        those that a server sent, those that an engine hands over and those that were stored. Log-probabilities that are
        above 0 by rounding are 0, and alternatives that are impossible (-inf) are left out.
        """
        text, tokens, prompt_tokens, completion_tokens, finish = valid_list(value, 5)
        if finish not in get_args(Finish):
            raise ValueError("an end that is none")
        return cls(
            valid_text(text),
            tuple(_token(token) for token in valid_list(tokens)),
            valid_count(prompt_tokens, "prompt_tokens"),
            valid_count(completion_tokens, "completion_tokens"),
            finish,
        )


def _token(value: Any) -> Token:
    piece, chosen, top = valid_list(value, 3)
    logprob = valid_logprob(chosen)
    if logprob == -math.inf:
        raise ValueError("an impossible token was chosen")
    alternatives = [
        (valid_text(text), valid_logprob(p)) for text, p in (valid_list(pair, 2) for pair in valid_list(top))
    ]
    return Token(valid_text(piece), logprob, tuple((text, p) for text, p in alternatives if p > -math.inf))


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do beside plain text; found out once and said.

    logprobs: the likeliest alternatives a token that can be had; 0 the chosen tokens' own; None no probabilities.
    structured: answers can be held to ``Request.choices``.
    continues: ``Request.prefix`` is gone on from.
    distributions: ``token_ids``, ``encode``, ``next_tokens``, ``decode`` and ``ends`` work.
    whole: of the distributions, also whole ones and not only their heads.
    """

    logprobs: int | None
    structured: bool
    continues: bool
    distributions: bool
    whole: bool = True

    def lacks(self, name: str) -> bool:
        """Whether this one cannot be had; ``logprobs`` 0 can."""
        value = getattr(self, name)
        return value is None or value is False


# Which RAG method wants what: named where an engine lacks it.
NEEDED_BY = {
    "logprobs": ("log-probabilities", "self_rag, flare and the judge need them"),
    "structured": ("structured output", "without it the answers of choice tasks are read from free text"),
    "continues": ("continuing a given beginning", "flare needs it"),
    "distributions": ("next-token distributions", "replug needs them"),
}


def require(engine: Engine, capability: str) -> None:
    """Raise InputError, naming the method, where ``engine`` lacks a field of ``Capabilities``."""
    if engine.capabilities.lacks(capability):
        what, who = NEEDED_BY[capability]
        raise InputError(
            f"{engine.name} offers no {what}: {who}",
            field="generator",
            hint="take an engine that does, such as vllm:MODEL or an endpoint run by `vllm serve`, or another method",
        )


class Engine(Protocol):
    """See the module's docstring."""

    @property
    def name(self) -> str:
        """The setting's value."""

    @property
    def fingerprint(self) -> str:
        """Hash of model and revision, and of the engine's settings that change its output."""

    @property
    def capabilities(self) -> Capabilities:
        """What can be had beside plain text."""

    @property
    def attempts(self) -> int:
        """Requests really made so far, repeated ones, probes and single steps included."""

    def render(self, requests: Sequence[Request]) -> list[str]:
        """Each prompt as the model gets it, prefix included: chat template applied, or the messages as JSON."""

    def complete(self, requests: Sequence[Request], arrived: Callable[[int, Completion], None]) -> None:
        """Call ``arrived(index, completion)`` once for each request, in any order, from this very call.

        A request that fails for good arrives with ``finish_reason`` "failed", one that does not fit the context with
        "context". Raises InputError or WbragError only for what is wrong with the whole engine.
        """

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special ones."""

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """The id of each text that is one token of the vocabulary; None for any other."""

    def encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """Token ids of each prompt as the model gets it, prefix included; () for one that leaves no room."""

    def next_tokens(self, prompts: Sequence[Sequence[int]], top: int | None) -> list[Distribution | None]:
        """The next-token distribution after each prompt of token ids: its ``top`` likeliest, or all for ``top`` None.

        None in the list is a call that failed for good, or a whole distribution that the engine does not hand out.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated tokens, special ones left out."""

    def ends(self, token: int) -> bool:
        """Whether this token ends the assistant's turn."""


@runtime_checkable
class Thinks(Protocol):
    """An engine that gives reasoning models room to think; ``reasoning_tokens`` is set before its first call."""

    reasoning_tokens: int


@runtime_checkable
class SendsBatches(Protocol):
    """An engine that may wait for a day; ``batches`` is a folder in which it writes down what is on its way."""

    batches: Path | None


@runtime_checkable
class ThinksFirst(Protocol):
    """An engine that knows whether its model thinks before it answers."""

    @property
    def room_to_think(self) -> int:
        """Tokens that it may think before each answer; 0 where it does not."""


@runtime_checkable
class Explores(Protocol):
    """An engine that finds out what stands behind it, and says so: a server, say."""

    @property
    def findings(self) -> list[str]:
        """What was found out that a person may want to know, a sentence each."""
