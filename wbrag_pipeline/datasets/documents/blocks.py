"""A document as blocks, one after the other: what each format is read into, and what passages are cut from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_FENCE_MARKS = re.compile(r"`+|~+")
_BACKTICKS = re.compile(r"`+")


class BadDocument(Exception):
    """Why a document cannot be read, in words; ``hint`` says what to do, ``line`` where it is known."""

    def __init__(self, problem: str, hint: str = "", line: int | None = None) -> None:
        super().__init__(problem)
        self.problem, self.hint, self.line = problem, hint, line


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, an item of a list, a row of a table, or code.

    level: of a heading, from 1; 0 for all else. fence: the line that opens code, for example three backticks and
    ``python``; the text of code keeps its lines and blanks. "" for all else, where blanks say nothing.
    """

    text: str
    level: int = 0
    fence: str = ""

    @property
    def closing(self) -> str:
        """The line that closes code."""
        marks = _FENCE_MARKS.match(self.fence)
        return marks.group() if marks else ""


@dataclass(frozen=True)
class Contents:
    """What a format's reader finds in a document.

    title: what the document says its title is, apart from its headings. fields: what it says about itself in the
    format's own way, for example the fields at the start of reStructuredText.
    """

    blocks: list[Block]
    title: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


def paragraphs(text: str) -> list[Block]:
    """Plain text as blocks: a blank line ends one."""
    return [Block(part) for part in re.split(r"\n[ \t]*\n", text) if part.strip()]


def code_block(text: str, language: str = "") -> Block:
    """Code as a block, fenced by more backticks than stand in it."""
    return Block(text.strip("\n"), fence=_backticks(text, 3) + language)


def inline_code(text: str) -> str:
    """Code within a sentence, as Markdown writes it."""
    marks = _backticks(text, 1)
    return f"{marks}{text}{marks}" if text else ""


def _backticks(text: str, least: int) -> str:
    return "`" * max(least, 1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
