"""What a reasoning model thinks, told apart from what it answers.

Servers hand the thought over in a field of its own, or leave it in the text between marks that differ from model to
model. A template may have opened the thought already, so that only its end is in the text, and a token limit may cut
it before that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wbrag_pipeline.generation.engine_protocol import Token

# Fields of a message that hold a thought: DeepSeek, vLLM, llama.cpp and SGLang; Ollama, OpenRouter and Groq; others.
_FIELDS = ("reasoning_content", "reasoning", "thinking", "thought", "reasoning_text")
# Marks that stand for a thought wherever they are: those of Qwen and DeepSeek, Seed, Mistral, Kimi, and so on.
_MARK = re.compile(
    r"(?P<open><(?:seed:)?think\b[^<>]{0,40}>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>|<unused94>)"
    r"|(?P<close></(?:seed:)?think(?:ing)?\s*>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<unused95>)",
    re.IGNORECASE,
)
# Words that a text may have as well: they stand for a thought only at its beginning.
_FIRST = re.compile(
    r"\A\s*<(?P<tag>thinking|thoughts?|reasoning|reflection|analysis|scratchpad)>(?P<thought>.*?)(?:</(?P=tag)>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# gpt-oss, as it is, and with its special tokens left out.
_CHANNELS = re.compile(
    r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*(?:analysis|commentary)\b[^<]*<\|message\|>(?P<thought>.*?)"
    r"(?:<\|end\|>|(?=<\|start\|>)|(?=<\|channel\|>)|\Z)",
    re.DOTALL,
)
_CHANNELS_BARE = re.compile(r"\Aanalysis(?=[A-Z\"'])(?P<thought>.*?)(?:assistantfinal|\Z)", re.DOTALL)
# What stands around an answer that comes after a thought.
_FRAME = re.compile(
    r"<\|start\|>\s*assistant|<\|channel\|>\s*final\s*<\|message\|>|<\|return\|>|<\|(?:begin|end)_of_solution\|>"
    r"|<\|(?:START|END)_RESPONSE\|>"
)


@dataclass(frozen=True)
class Parted:
    """A text as ``thought`` and ``answer``."""

    thought: str
    answer: str

    @property
    def only_thought(self) -> bool:
        """Whether there is a thought and no answer."""
        return bool(self.thought.strip()) and not self.answer.strip()


def part(text: str, *, opened: bool = False) -> Parted:
    """``text`` as thought and answer; a text without any mark is all answer, and stays as it is.

    opened: the model's template has opened the thought, so the text begins inside it.
    """
    thoughts: list[str] = []

    def take(found: re.Match[str]) -> str:
        thoughts.append(found["thought"])
        return ""

    rest = text
    for pattern in (_CHANNELS, _CHANNELS_BARE, _FIRST):
        rest = pattern.sub(take, rest)
    answer, at, inside = "", 0, opened
    for mark in _MARK.finditer(rest):
        before = rest[at : mark.start()]
        if mark["close"]:  # one that nothing opened closes all that came before
            thoughts.append(before if inside else answer + before)
            answer, inside = (answer if inside else ""), False
        elif inside:
            thoughts.append(before)
        else:
            answer, inside = answer + before, True
        at = mark.end()
    if inside:
        thoughts.append(rest[at:])
    else:
        answer += rest[at:]
    if not thoughts and not opened and at == 0:
        return Parted("", _FRAME.sub("", text).strip() if _FRAME.search(text) else text)
    return Parted("\n".join(thoughts).strip(), _FRAME.sub("", answer).strip())


def opens_unseen(text: str) -> bool:
    """Whether ``text`` ends a thought that it does not begin: the template began it."""
    first = _MARK.search(text)
    return first is not None and first["close"] is not None and bool(text[: first.start()].strip())


def thought_of(message: Mapping[str, Any]) -> str:
    """The thought in a message's own fields, "" where there is none."""
    told = [value for field in _FIELDS if isinstance(value := message.get(field), str)]
    content = message.get("content")
    for part_ in content if isinstance(content, list) else ():
        if isinstance(part_, Mapping) and part_.get("type") in ("thinking", "reasoning"):
            told.append(_texts(part_.get("thinking") or part_.get("reasoning") or part_.get("text")))
    return next(filter(None, told), "")


def text_of(content: Any) -> Any:
    """The text beside a thought in a content of parts, as Mistral has it; any other ``content`` as it is."""
    if not isinstance(content, list):
        return content
    kinds = [part_.get("type") if isinstance(part_, Mapping) else None for part_ in content]
    if not {"thinking", "reasoning"} & set(kinds) or not set(kinds) <= {"text", "thinking", "reasoning"}:
        return content
    texts = [part_.get("text") for part_, kind in zip(content, kinds, strict=True) if kind == "text"]
    return "".join(texts) if all(isinstance(text, str) for text in texts) else content


def tokens_of(tokens: Sequence[Token], answer: str) -> tuple[Token, ...]:
    """Those of ``tokens`` that make up ``answer``, the last text in them; () where they do not show it."""
    said = "".join(token.text for token in tokens)
    begin = said.rfind(answer) if answer else -1
    if begin < 0:
        return ()
    kept, at = [], 0
    for token in tokens:
        if at + len(token.text) > begin and at < begin + len(answer):
            kept.append(token)
        at += len(token.text)
    return tuple(kept)


def _texts(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else ()
    return "".join(text for part_ in parts if isinstance(part_, Mapping) and isinstance(text := part_.get("text"), str))
