"""Markdown tables: whatever a passage says, the reader sees its words and nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from wbrag_pipeline.evaluation.formatting import markdown_table

HOSTILE = [
    "![seen](https://example.org/pixel.png)",
    '<img src="https://example.org/pixel.png">',
    "[click](javascript:alert(1)) or ![seen][1]",
    "<https://example.org> &lt;b&gt; &amp;",
    "a | b \\| c \\\\| d",
    "`code` **bold** _thin_ ~~gone~~ # no heading",
    "back\\slash \\![seen](https://example.org/pixel.png)",
]
# What a table of plain words is made of.
PLAIN = {"table", "thead", "tbody", "tr", "th", "td", "inline", "text", "text_special"}


def tokens(source: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(source):
        yield token
        yield from token.children or ()


def shown(source: str) -> list[str]:
    """The text of every cell, heads first."""
    inline = (token for token in tokens(source) if token.type == "inline")
    return ["".join(child.content for child in token.children or ()) for token in inline]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_and_a_head_show_a_hostile_text_as_it_is(text: str) -> None:
    table = markdown_table(["title", text], [[text, "x"], ["y", text]])
    assert {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(table)} <= PLAIN
    assert shown(table) == ["title", text, text, "x", "y", text]


def test_a_row_is_one_line_and_a_long_cell_is_cut_before_it_is_escaped() -> None:
    table = markdown_table(["n", "text"], [[1, "one\ntwo\n\n| three"], [2, "*" * 9]], longest=8)
    assert shown(table) == ["n", "text", "1", "one two…", "2", "*" * 7 + "…"]
    assert len(table.splitlines()) == 4
    assert shown(markdown_table(["n"], [["*" * 200]]))[1] == "*" * 200


def test_the_preview_of_an_asset_has_the_same_escapes_and_few_short_rows() -> None:
    from assets.stage import _preview

    frame = pl.DataFrame({"title": HOSTILE[:1] * 20, "text": ["long " * 100] * 20, "score": [0.123456] * 20})
    heads, *cells = (shown(_preview(frame))[i : i + 3] for i in range(0, 27, 3))
    assert heads == frame.columns
    assert cells == [[HOSTILE[0], ("long " * 100)[:119] + "…", "0.1235"]] * 8
