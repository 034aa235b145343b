"""MDX as Markdown: without its imports and exports, its comments, and the tags of its components."""

from __future__ import annotations

import re

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MODULE = re.compile(r"(?:import|export)\b")
_COMMENT = re.compile(r"^[ \t]*\{/\*", re.MULTILINE)
_TAG = re.compile(r"^[ \t]*</?(?:[A-Z][\w.]*|(?=>))", re.MULTILINE)
_LONGEST_TAG = 10_000  # characters


def markdown_of_mdx(text: str) -> str:
    """The Markdown in a file of MDX; code stays as it is."""
    parts: list[str] = []
    prose: list[str] = []
    fence, in_module = "", False
    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            parts.append(line)
            if opening and opening[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
        elif opening:
            parts += [_without_tags("\n".join(prose)), line] if prose else [line]
            prose, fence, in_module = [], opening[1], False
        else:
            # A statement goes on up to the next blank line.
            in_module = bool(line.strip()) and (in_module or _MODULE.match(line) is not None)
            prose.append("" if in_module else line)
    return "\n".join([*parts, _without_tags("\n".join(prose))])


def _without_tags(text: str) -> str:
    """``text`` without comments in braces, and without components' tags that begin a line."""
    parts, at = [], 0
    while opening := _COMMENT.search(text, at):
        end = text.find("*/}", opening.end())
        if end < 0:
            break
        parts.append(text[at : opening.start()])
        at = end + len("*/}")
    text = "".join([*parts, text[at:]])
    parts, at = [], 0
    while opening := _TAG.search(text, at):
        end, whole = _end_of_tag(text, opening.end())
        # What is no tag after all is kept, and not looked at again.
        parts.append(text[at : opening.start()] if whole else text[at:end])
        at = end
    return "".join([*parts, text[at:]])


def _end_of_tag(text: str, start: int) -> tuple[int, bool]:
    """Where a tag ends, quotes and braces in it passed over; False where nothing ends it."""
    depth, quote = 0, ""
    for at in range(start, min(len(text), start + _LONGEST_TAG)):
        mark = text[at]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'`" and (depth or mark != "`"):
            quote = mark
        elif mark in "{}":
            depth += 1 if mark == "{" else -1
        elif mark == ">" and depth <= 0:
            return at + 1, True
        elif mark == "<" and depth <= 0:
            return at, False
    return min(len(text), start + _LONGEST_TAG), False
