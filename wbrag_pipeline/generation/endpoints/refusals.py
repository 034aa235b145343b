"""How a request fails for good, and what servers mean by the words with which they refuse it.

The words say that a prompt does not fit, or which field a server does not take.
"""

from __future__ import annotations

import re

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.endpoints.api_key import key_variables
from wbrag_pipeline.generation.endpoints.reply_body import shortened

# How servers say that a prompt does not fit. OpenAI, vLLM and llama.cpp speak of the context; TGI of tokens that "must
# be <= 4096"; Gemini of an "input token count" that "exceeds the maximum"; others in words like these.
_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|size|window|limit)|\bcontext\b.{0,12}overflow|\bmax_model_len\b|\bn_ctx\b|\bnum_ctx\b"
    r"|max(?:imum)?[ _](?:model|input|prompt|seq|sequence|total|position)[a-z_ ]{0,16}(?:len|length|tokens|size)"
    r"|too (?:long|many (?:\w+ )?tokens)|longer than the"
    r"|\b(?:prompt|inputs?|request|payload|entity|body|messages?|contents?|conversation|text|query|sequence)\b"
    r"[^.]{0,60}\btoo (?:large|big)\b|\btoo (?:large|big)\b[^.]{0,60}\b(?:prompt|inputs?|request|payload|entity|body)\b"
    r"|\b(?:input|prompt) length should be"
    r"|\b(?:tokens|token (?:count|limit|length|budget)|length)\b.{0,80}?"
    r"(?:exceed|cannot|must (?:be|not|have)|larger than|greater than|longer than"
    r"|more than|only supports?|at most|over the|above the)"
    r"|(?:exceed\w*|beyond|over|above|larger than|greater than|more than|fewer than|less than|at most)\b.{0,80}?"
    r"\b(?:tokens|token (?:count|limit|length|budget))\b"
    r"|\b(?:reduce|shorten)\b.{0,40}\b(?:length|size|inputs?|prompt|messages?|tokens?)\b|\bshorter (?:input|prompt)",
    re.IGNORECASE | re.DOTALL,
)
# The limit of what may be generated is not the prompt's.
_LIMIT_OF_ANSWER = re.compile(r"max_\w*tokens|(?:completion|output) tokens", re.IGNORECASE)
_PROMPT = re.compile(r"prompt|input|context|messages", re.IGNORECASE)
# A template that wants other turns than it got answers with an exception of its own.
_TEMPLATE = re.compile(
    r"chat[ _]?template|jinja|raise_exception|system (?:role|message|prompt)|role\b.{0,40}\bsystem"
    r"|roles? must alternate|only user and assistant",
    re.IGNORECASE | re.DOTALL,
)
# Statuses that say nothing of what was sent: who may, where, how often.
_OTHER_MATTERS = (401, 402, 403, 404, 405, 407, 408)


class Refused(Exception):
    """The server understood and will not: asking again is of no use. ``status`` and what it said."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(f"HTTP {status}: {shortened(message)}")

    @property
    def too_long(self) -> bool:
        """Whether it says that the prompt does not fit the context."""
        return is_too_long(self.status, self.message)


class KeyRefused(InputError):
    """The server refuses the key, or what the key may do; ``status`` is 401 or 403."""

    def __init__(self, url: str, status: int, said: str) -> None:
        self.status, self.message = status, said
        words = f": {shortened(said)}" if status == 403 and said else ""
        variables = " or ".join(key_variables())
        hint = f"set {variables} to a valid one" if variables else "say which variable of the environment holds it"
        super().__init__(f"{url} refuses the key (HTTP {status}{words})", hint=hint)


class Unanswered(Exception):
    """No usable reply after all tries; the message is that of the last one.

    status: that of the last reply, 0 where none came, 200 for one that could not be used. words: what it said.
    """

    def __init__(self, problem: str, status: int = 0, words: str = "") -> None:
        self.status, self.words = status, words
        super().__init__(problem)


def is_too_long(status: int, words: str) -> bool:
    """Whether a refusal says that the prompt does not fit the context.

    413 says so by itself, mostly from a proxy. Where 429 speaks of the request's own size, waiting is of no use.
    """
    if status == 413:
        return True
    if status in _OTHER_MATTERS or (status == 429 and "request too large" not in words.lower()):
        return False
    if _LIMIT_OF_ANSWER.search(words) and not _PROMPT.search(words):
        return False
    return bool(_TOO_LONG.search(words))


def wants_other_turns(words: str) -> bool:
    """Whether it is the chat template that refuses: it takes no system message, say."""
    return bool(_TEMPLATE.search(words))


def names_field(words: str, field: str) -> bool:
    """Whether a refusal speaks of the body's field ``field``: by its name in quotation marks, or between others."""
    name = re.escape(field)
    marked = rf"(?<![\w-]){name}(?![\w-])" if "_" in field else rf"[\"'`\[.]{name}[\"'`\].]|parameter:? {name}\b"
    return bool(re.search(marked, words))
