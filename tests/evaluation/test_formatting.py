"""Markdown tables: whatever a passage says, the reader sees its words and nothing else happens."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from wbrag_pipeline.evaluation import drawing
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


def test_a_cell_writes_out_what_does_not_print() -> None:
    table = markdown_table(["title"], [["\x1b]8;;https://example.org\x07here\u202etxt"]])
    assert shown(table) == ["title", r"\x1b]8;;https://example.org\x07here\u202etxt"]


# How the reader in Dagster's pages (mdast-util-gfm-autolink-literal) finds addresses in what is text by then.
ADDRESS = re.compile(r"(https?://|www(?=\.))([-.\w]+)|(?<![^\s\W])([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)", re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.org/a",
        "HTTP://example.org",
        "www.example.org",
        "WWW.example.org",
        "a.b@example.org",
        "(@x.y)",
    ],
)
def test_a_preview_holds_no_address_that_becomes_a_link(text: str) -> None:
    from assets.stage import _preview

    preview = _preview(pl.DataFrame({"title": [text], text: ["x"]}))
    assert not any(ADDRESS.search(cell) for cell in shown(preview))
    assert [cell.replace("\u2060", "") for cell in shown(preview)] == ["title", text, text, "x"]


def test_the_words_of_a_picture_are_no_markdown() -> None:
    chart = drawing.picture([drawing.chart_of([{"x": 1}]).mark_bar()], "](https://example.org/pixel.png) ![x", "")
    (image,) = [token for token in tokens(drawing.chart_markdown(chart)) if token.type == "image"]
    assert str(image.attrs["src"]).startswith("data:image/png;base64,") and "](https://example.org" in image.content


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
    assert [[cell.replace("\u2060", "") for cell in row] for row in cells] == [
        [HOSTILE[0], ("long " * 100)[:119] + "…", "0.1235"]
    ] * 8
