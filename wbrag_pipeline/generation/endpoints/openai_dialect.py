"""What an OpenAI-compatible endpoint was found to understand, and how requests are put where it refuses a part."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wbrag_pipeline.generation.endpoints.refusals import names_field, wants_other_turns
from wbrag_pipeline.generation.engine_protocol import Capabilities

_STREAM = re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """What an endpoint was found to understand.

    vllm: it is ``vllm serve`` and takes that server's own fields. system: system messages are taken as such.
    limit: the field that holds the limit of tokens. without: fields that it refuses and that are left out.
    stream: it answers only in a stream of events.
    quiet: fields that tell a reasoning model not to think. thought: where it thinks all the same, the tokens it gets
    for that before its answer. opened: its template opens the thought, so that a text begins inside it.
    logprobs: as in ``Capabilities``. structured: the field that holds answers to choices, or "".
    continues: how a given beginning is gone on from, one of ``WAYS_TO_CONTINUE``, or "". repeats: and the reply repeats
    it. tokenize: the field of /tokenize that holds the text, or "". templates: /apply-template gives the prompt's text.
    token_prompts: prompts of token ids, and distributions after them. whole: and whole ones, by asking for so many
    tokens (-1 for all), or None.
    """

    vllm: bool = False
    system: bool = True
    limit: str = "max_tokens"
    without: frozenset[str] = frozenset()
    stream: bool = False
    quiet: Mapping[str, Any] = field(default_factory=dict)
    thought: int = 0
    opened: bool = False
    logprobs: int | None = None
    structured: str = ""
    continues: str = ""
    repeats: bool = False
    tokenize: str = ""
    templates: bool = False
    token_prompts: bool = False
    whole: int | None = None

    @property
    def capabilities(self) -> Capabilities:
        """The dialect as the engine protocol has it."""
        whole = not self.token_prompts or self.whole is not None
        return Capabilities(self.logprobs, bool(self.structured), bool(self.continues), self.token_prompts, whole)


def with_arguments(body: Mapping[str, Any], dialect: Dialect, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A body with the fields that keep a model from thinking, and with ``extra``, whose word is the last.

    Objects in both, such as ``chat_template_kwargs``, are joined.
    """
    made = dict(body)
    for fields in (dialect.quiet, extra):
        for name, value in fields.items():
            joined = isinstance(value, Mapping) and isinstance(made.get(name), Mapping)
            made[name] = {**made[name], **value} if joined else value
    return {name: value for name, value in made.items() if value is not None}


# How an assistant's turn is gone on from: by being the last message alone (llama.cpp, Ollama), with vLLM's and SGLang's
# own fields, with Mistral's and DeepSeek's mark on the message.
WAYS_TO_CONTINUE = ("last message", "flags", "prefix")
# How a reasoning model is told not to think: by the variables of chat templates (Qwen, GLM; DeepSeek, Granite), by
# DashScope's field, by the effort that OpenAI, Gemini and Ollama know.
WAYS_TO_BE_QUIET: tuple[Mapping[str, Any], ...] = (
    {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
    {"enable_thinking": False},
    {"reasoning_effort": "none"},
)


@dataclass(frozen=True)
class Adjustment:
    """One way in which a request is put otherwise, and how that is told to people.

    pointed_at: whether a refusal's words mean this part of the request.
    """

    told: str
    pointed_at: Callable[[str], bool]
    change: Callable[[Dialect], Dialect]


def _left_out(name: str, told: str) -> Adjustment:
    return Adjustment(told, lambda words: names_field(words, name), lambda d: replace(d, without=d.without | {name}))


# In this order where a server does not say what it refuses.
ADJUSTMENTS = (
    Adjustment(
        "takes no system message; its text opens the first question",
        wants_other_turns,
        lambda dialect: replace(dialect, system=False),
    ),
    Adjustment(
        "takes max_completion_tokens in place of max_tokens",
        lambda words: names_field(words, "max_tokens") or names_field(words, "max_completion_tokens"),
        lambda dialect: replace(dialect, limit="max_completion_tokens"),
    ),
    _left_out("temperature", "takes no temperature; it answers with its own, so that answers may differ each time"),
    _left_out("seed", "takes no seed"),
    _left_out("stop", "takes no stop strings; answers are cut here"),
    Adjustment(
        "is told not to think by enable_thinking",
        lambda words: names_field(words, "enable_thinking"),
        lambda dialect: replace(dialect, quiet={"enable_thinking": False}),
    ),
    Adjustment(
        "answers only in a stream",
        lambda words: bool(_STREAM.search(words)) and "stream_options" not in words,
        lambda dialect: replace(dialect, stream=True),
    ),
    _left_out("stream_options", "tells no token counts in a stream"),
)


def adjusted(dialect: Dialect, words: str) -> tuple[Dialect, Adjustment] | None:
    """The dialect without what a refusal's words point at; None where nothing of that can be put otherwise."""
    for adjustment in ADJUSTMENTS:
        if adjustment.pointed_at(words) and (changed := adjustment.change(dialect)) != dialect:
            return changed, adjustment
    return None
