"""Markdown from Python objects: tables, docstrings, signatures."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence

_WIDTH = 100  # characters of a signature on one line
_DOCTEST = re.compile(r"(?:^>>> .*\n?(?:^(?!>>> )(?!\s*$).*\n?)*)+(?:\n(?=>>> ))?", re.MULTILINE)
_LITERAL = re.compile(r"^(?P<lead>.*)::\n\n(?P<block>(?:(?:    .*)?\n)*    .*\n?)", re.MULTILINE)
_PARAMETER = re.compile(r"^(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*): ")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars and line ends in a cell are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines) + "\n"


def code(text: object) -> str:
    """``text`` as inline code; empty text stays empty."""
    return f"`{text}`" if str(text) else ""


def docstring(thing: object) -> str:
    """The docstring of ``thing`` as Markdown.

    Doctests and literal blocks (``::``) become fenced code, and lines of the form ``name: meaning`` become a list.
    """
    text = inspect.getdoc(thing) or ""
    text = _LITERAL.sub(_fenced, text)
    text = _DOCTEST.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n{2,}", text)).strip() + "\n"


def signature(name: str, thing: Callable[..., object]) -> str:
    """``name`` with its parameters as a fenced block, one parameter a line where they are many."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return f"```python\n{name}\n```\n"
    parts: list[str] = []
    for parameter in found.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not any(part.startswith("*") for part in parts):
            parts.append("*")
        parts.append(_parameter(parameter))
    # What __init__ gives is of no interest, and neither is that a function gives nothing.
    silent = inspect.isclass(thing) or found.return_annotation in (inspect.Signature.empty, None, "None")
    returned = "" if silent else f" -> {_annotation(found.return_annotation)}"
    line = f"{name}({', '.join(parts)}){returned}"
    if len(line) > _WIDTH:
        line = f"{name}(\n{''.join(f'    {part},{chr(10)}' for part in parts)}){returned}"
    return f"```python\n{line}\n```\n"


def _parameter(found: inspect.Parameter) -> str:
    stars = "*" if found.kind is found.VAR_POSITIONAL else "**" if found.kind is found.VAR_KEYWORD else ""
    annotated = "" if found.annotation is found.empty else f": {_annotation(found.annotation)}"
    if found.default is found.empty:
        return f"{stars}{found.name}{annotated}"
    return f"{found.name}{annotated}{' = ' if annotated else '='}{found.default!r}"


def _annotation(found: object) -> str:
    return found if isinstance(found, str) else inspect.formatannotation(found)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _fenced(found: re.Match[str]) -> str:
    lead = f"{found['lead']}:\n\n" if found["lead"].strip() else ""
    return f"{lead}```text\n{inspect.cleandoc(found['block'])}\n```\n"


def _paragraph(text: str) -> str:
    lines = text.splitlines()
    if not lines or not _PARAMETER.match(lines[0]):
        return text
    return "\n".join(_PARAMETER.sub(lambda found: f"- `{found['names']}`: ", line) for line in lines)
