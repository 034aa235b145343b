"""Markdown as plain text, in time that grows with its length alone, whatever its marks are."""

from __future__ import annotations

import re

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(\S.*)$|^(?=\S)(.+)\n(?:=+|-{2,})[ \t]*$", re.MULTILINE)
# No group can pass over the mark that it begins with: what follows one mark is not looked at again from the next.
_MARKUP = (
    (re.compile(r"^ {0,3}(?:```|~~~).*$", re.MULTILINE), ""),  # fences go, what they fence stays
    (re.compile(r"!\[([^\[\]]*)\]\([^()\[\]]*\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\([^()\[\]]*\)"), r"\1"),
)
_ITEM_OR_QUOTE = re.compile(r"^[ \t]*(?:[-*+]|>)[ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*\*|__|`)")


def plain_text(text: str) -> tuple[str, str]:
    """``(title, text)`` without markup; the title is the first heading, "" where there is none.

    Headings stay in the text as paragraphs of their own, the title's excepted.
    """
    text = _without_comments(text)
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    text = "\n".join(_without_emphasis(line) for line in text.split("\n"))
    text = _ITEM_OR_QUOTE.sub("", text)
    first = _HEADING.search(text)
    title = ""
    if first:
        title = _heading(first)
        text = text[: first.start()] + "\n\n" + text[first.end() :]
    return title, _HEADING.sub(lambda found: f"\n\n{_heading(found)}\n\n", text)


def _heading(found: re.Match[str]) -> str:
    """A heading's text, without the marks that may close it."""
    text = (found.group(1) or found.group(2)).strip()
    bare = text.rstrip("#")
    return bare.rstrip() if found.group(1) and bare[-1:].isspace() else text  # "C#" ends in its own mark


def _without_comments(text: str) -> str:
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[at:start])
        at = end + len("-->")
    return " ".join([*parts, text[at:]])


def _without_emphasis(line: str) -> str:
    """A line without the marks of bold text and code: a mark goes with the next one of its kind that can close it."""
    pieces = _EMPHASIS.split(line)  # text, mark, text, mark, ..., text
    if len(pieces) < 4:
        return line
    # From the right: where the nearest mark of each kind stands that can close, having no blank before it.
    nearest: dict[str, int] = {}
    closed_at = [0] * len(pieces)
    for at in range(len(pieces) - 2, 0, -2):
        mark, before, after = pieces[at], pieces[at - 1], pieces[at + 1]
        if not after[:1].isspace():
            closed_at[at] = nearest.get(mark, 0)
        if not before[-1:].isspace():
            nearest[mark] = at
    at = 1
    while at < len(pieces):
        end = closed_at[at]
        if end > at + 2 or (end and pieces[at + 1]):
            pieces[at] = pieces[end] = ""
            at = end
        at += 2
    return "".join(pieces)
