"""Figures and strangers' texts as people read them: in a page, in Markdown, at a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from wbrag_pipeline.terminal import on_one_line


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]], *, longest: int | None = None) -> str:
    """A Markdown table of one line a row; heads and cells are escaped, so that they mean nothing but themselves.

    longest: characters of a cell, where it is to be cut; they are counted before it is escaped.
    """
    texts = ([_shortened(str(cell), longest) for cell in row] for row in rows)
    lines = [[escape_markdown(cell) for cell in line] for line in (head, *texts)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], ["---"] * len(head), *lines[1:]))


def _shortened(text: str, longest: int | None) -> str:
    text = " ".join(text.split())
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"


def escape_markdown(text: str) -> str:
    """A stranger's text as one line of Markdown that means nothing but itself; what does not print is written out."""
    squeezed = on_one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|!#~])", r"\\\1", squeezed)


def unlinked(markdown: str) -> str:
    """Markdown in which bare addresses stay text, also for a reader that makes links of them, as Dagster's pages do.

    No escape keeps it from that, so an invisible word joiner goes into each address.
    """
    return re.sub(r"(?i)(https?:|ftp:)(?=//)|(www)(?=\.)|(@)", "\\g<0>\u2060", markdown)


def signed(points: float) -> str:
    """Points with two decimals and a true plus or minus sign, none for zero."""
    text = f"{points:+.2f}".replace("-", "−")
    return text[1:] if text[1:] == "0.00" else text


def percent(share: float) -> str:
    """A share of 0 to 1 as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def p_value(p: float) -> str:
    """A p as it is written in a sentence."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def bare_p(p: float) -> str:
    """The same for a column that is headed p."""
    return p_value(p).removeprefix("p ").removeprefix("= ")


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
