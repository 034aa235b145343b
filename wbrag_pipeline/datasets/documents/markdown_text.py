"""Markdown as blocks of text: marks of emphasis and links go, code stays as it is written.

The parser is markdown-it-py, which follows CommonMark. It is given a long document in windows, each of which begins
where a block begins, and long paragraphs in parts: it makes a hundred times as many bytes of objects as it reads.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from wbrag_pipeline.datasets.documents.blocks import BadDocument, Block

_WINDOW, _LARGEST_WINDOW = 1 << 16, 1 << 18  # characters
_LONGEST_INLINE = 1 << 12  # characters of a paragraph that are parsed at a time
_DEEPEST = 60  # quotes and lists inside each other; what is deeper the parser would leave out
_NESTED = {"blockquote_open", "bullet_list_open", "ordered_list_open", "list_item_open"}
_BLOCKS = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table").disable(["inline", "text_join"])
_INLINE = MarkdownIt("commonmark", {"maxNesting": 20}).enable("strikethrough")

_PLAIN = re.compile(r"[^\\`*_~!\[\]<&]*")  # nothing in it is a mark: most paragraphs, and all the quicker read
_HTML_UNSEEN = [
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for begin, end in (("<!--", "-->"), (r"<script\b", "</script>"), (r"<style\b", "</style>"))
]
_HTML_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9.-]*+)[^<>]*+>")
_BREAKS = {"br", "div", "hr", "li", "p", "td", "th", "tr"}
# Names of HTML elements; `<version>` is none, and says what a reader is to put there.
_ELEMENTS = _BREAKS | set(
    "a abbr address area article aside audio b bdi bdo blockquote body button canvas caption center cite code col "
    "colgroup data datalist dd del details dfn dialog dl dt em embed fieldset figcaption figure font footer form h1 h2 "
    "h3 h4 h5 h6 head header hgroup html i iframe img input ins kbd label legend link main map mark menu meta meter "
    "nav noscript object ol optgroup option output picture pre progress q rp rt ruby s samp script search section "
    "select slot small source span strike strong style sub summary sup svg table tbody template textarea tfoot thead "
    "time title track tt u ul var video wbr".split()
)


def blocks_of_markdown(text: str) -> Iterator[Block]:
    """The blocks of a document. Raises BadDocument where lists or quotes are nested deeper than anybody writes them."""
    references: dict[str, Any] = {}
    lines = text.split("\n")
    start = 0
    while start < len(lines):
        tokens, end = _window(lines, start, references)
        if any(token.level >= _DEEPEST - 1 and token.type in _NESTED for token in tokens):
            problem = f"has lists or quotes more than {_DEEPEST // 2} deep"
            raise BadDocument(problem, "write it with fewer levels", start + 1)
        yield from _blocks(tokens, references)
        start = end


def _window(lines: list[str], start: int, references: dict[str, Any]) -> tuple[list[Token], int]:
    """Whole blocks from the line ``start`` on, and the line after them."""
    size = _WINDOW
    while True:
        end = _end_of_window(lines, start, size)
        tokens = _BLOCKS.parse("\n".join(lines[start:end]), references)
        if end == len(lines):
            return tokens, end
        # What the window ends in may go on behind it: the next window begins there.
        last = next((at for at in reversed(range(len(tokens))) if _opens_document_block(tokens[at])), 0)
        begins = (tokens[last].map or [0])[0] if tokens else 0
        if begins:
            return tokens[:last], start + begins
        if size >= _LARGEST_WINDOW:
            break
        size *= 2
    if tokens and tokens[0].type == "fence" and end - start > 1:
        # Code goes on as code: the last line is read, and the fence is opened anew in its place.
        end -= 1
        lines[end] = tokens[0].markup + tokens[0].info
    return tokens, end


def _opens_document_block(token: Token) -> bool:
    return token.level == 0 and token.nesting >= 0 and token.map is not None


def _end_of_window(lines: Sequence[str], start: int, size: int) -> int:
    end = start
    while end < len(lines) and size > 0:
        size -= len(lines[end]) + 1
        end += 1
    return end


def _blocks(tokens: Sequence[Token], references: dict[str, Any]) -> Iterator[Block]:
    mark, level = "", 0  # of the list item, of the heading that is open
    cells: list[str] | None = None  # of the row of a table that is open
    for token in tokens:
        if token.type == "list_item_open":
            mark = f"{token.info}{token.markup} " if token.info else "- "
        elif token.type == "heading_open":
            level = int(token.tag[1:])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            if any(cells or []):
                yield Block(" | ".join(cells or []))
            cells = None
        elif token.type == "inline":
            text = _inline(token.content, references)
            if cells is not None:
                cells.append(text)
            elif text.strip():
                yield Block(text if level else mark + text, level)
                mark = ""
        elif token.type in ("fence", "code_block"):
            code = token.content.removesuffix("\n")
            if mark:
                yield Block(mark)
            mark = ""
            if code.strip():
                yield Block(code, fence=(token.markup or "```") + token.info.rstrip())
        elif token.type == "html_block":
            text = text_of_html_block(token.content)
            yield from (Block(mark + part) for part in re.split(r"\n[ \t]*\n", text) if part.strip())
            mark = mark if not text.strip() else ""


def _inline(content: str, references: dict[str, Any]) -> str:
    if _PLAIN.fullmatch(content):
        return content
    return "".join(
        _rendered(token.children or []) for part in _parts(content) for token in _INLINE.parseInline(part, references)
    )


def _parts(content: str) -> Iterator[str]:
    """``content`` in parts of bounded length that end at a blank, where there is one."""
    start = 0
    while len(content) - start > _LONGEST_INLINE:
        end = start + _LONGEST_INLINE
        blank = max(content.rfind("\n", start, end), content.rfind(" ", start, end))
        end = blank if blank > start else end
        yield content[start:end]
        start = end
    yield content[start:]


def _rendered(tokens: Sequence[Token]) -> str:
    text = []
    for token in tokens:
        if token.type == "code_inline":
            # A blank keeps backticks of the code apart from those around it.
            pad = " " if token.content[:1] == "`" or token.content[-1:] == "`" else ""
            text.append(f"{token.markup}{pad}{token.content}{pad}{token.markup}")
        elif token.type in ("softbreak", "hardbreak"):
            text.append("\n")
        elif token.type == "image":
            text.append(_rendered(token.children or []))
        elif token.type == "html_inline":
            text.append(text_of_html_block(token.content))
        else:
            text.append(token.content)
    return "".join(text)


def text_of_html_block(markup: str) -> str:
    """The text of HTML that stands in Markdown; what is no element of HTML stays as it is."""
    for begin, end in _HTML_UNSEEN:
        markup = _without(markup, begin, end)
    return html.unescape(_HTML_TAG.sub(_without_element, markup))


def _without_element(found: re.Match[str]) -> str:
    name = found.group(1).lower()
    # A component of MDX begins with a capital letter.
    if name not in _ELEMENTS and not found.group(1)[0].isupper():
        return found.group()
    return "\n" if name in _BREAKS else ""


def _without(text: str, begin: re.Pattern[str], end: re.Pattern[str]) -> str:
    """``text`` without what stands from ``begin`` to ``end``. What nothing ends stays."""
    parts, at = [], 0
    while (opening := begin.search(text, at)) and (closing := end.search(text, opening.end())):
        parts.append(text[at : opening.start()])
        at = closing.end()
    return "".join([*parts, text[at:]])
