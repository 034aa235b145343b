"""HTML as blocks of text, by selectolax: what a page says, without the menus and scripts around it.

Left out is only what HTML itself marks as no content (``nav``, ``footer``, ``hidden`` and so on), and what is outside
of ``main`` where a page has one. Tools that guess the main text from its looks lose short pages and tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from wbrag_pipeline.datasets.documents.blocks import BadDocument, Block, Contents, code_block, inline_code
from wbrag_pipeline.datasets.label_keys import label_key

_DEEPEST = 500  # elements inside each other; the parser takes time by the square of it
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
# Elements that nothing closes, or that the next one closes.
_NEVER_OPEN = set(
    "area base br col dd dt embed hr img input li link meta option optgroup p param rp rt source tbody td tfoot th "
    "thead tr track wbr html head body colgroup".split()
)
_LEFT_OUT = set(
    "script style noscript template nav footer head title svg iframe object embed canvas audio video button input "
    "select textarea dialog".split()
)
_INLINE = set(
    "a abbr acronym b bdi bdo big cite data del dfn em font i ins label mark meter output progress q ruby rb rt rp s "
    "small span strike strong sub sup time tt u var wbr".split()
)
_CODE = {"code", "kbd", "samp"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NOT_IN_A_ROW = "table, h1, h2, h3, h4, h5, h6, ul, ol, pre"
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight|brush:?)[-\s]?(?:source-)?([\w+#-]{1,20})")


def contents_of_html(markup: str) -> Contents:
    """The blocks of a page, its ``<title>``, and what its ``<meta>`` says of access labels.

    Raises BadDocument where elements are nested deeper than in any page.
    """
    from selectolax.lexbor import LexborHTMLParser

    _refuse_deep(markup)
    tree = LexborHTMLParser(markup)
    body = tree.body
    title = tree.css_first("title")
    fields: dict[str, Any] = {}
    for meta in tree.css("meta[name][content]"):
        name = meta.attributes.get("name") or ""
        if label_key(name) is not None:
            fields[name] = meta.attributes.get("content") or ""
    blocks = [block for root in _roots(tree) for block in _Page(root).blocks()] if body is not None else []
    return Contents(blocks, " ".join(title.text().split()) if title is not None else "", fields)


def _refuse_deep(markup: str) -> None:
    depth = 0
    for closing, name in _TAG.findall(markup):
        if name.lower() not in _NEVER_OPEN:
            depth = max(0, depth + (-1 if closing else 1))
            if depth > _DEEPEST:
                raise BadDocument(f"has elements nested more than {_DEEPEST} deep", "save the page again as HTML")


def _roots(tree: Any) -> list[Any]:
    """Where the page's own text is: its ``main``, an ``article`` that is most of it, or all of it."""
    mains = [node for node in tree.css("main, [role=main]") if node.text().strip()]
    if mains:
        return mains[:1]
    articles = tree.css("article")
    if len(articles) == 1 and 2 * len(articles[0].text()) > len(tree.body.text()):
        return list(articles)
    return [tree.body]


class _Page:
    """One walk through a page, element by element, with what is open on the way."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._text: list[str] = []
        self._found: list[Block] = []
        self._lists: list[int] = []  # the next number of each list that is open; 0 where its items have none
        self._mark = ""
        self._level = 0
        self._cells: list[str] | None = None

    def blocks(self) -> list[Block]:
        for node, entering in _walk(self._root):
            if node.tag == "-text":
                self._text.append(node.text_content or "")
            elif node.tag == "-comment":
                continue
            elif entering:
                self._enter(node)
            else:
                self._leave(node)
        self._end_block()
        return self._found

    def _enter(self, node: Any) -> None:
        tag = node.tag
        if tag in _CODE:
            self._text.append(inline_code(" ".join(node.text().split())))
        elif tag == "br":
            self._text.append("\n")
        elif tag == "img":
            self._text.append(" " + (node.attributes.get("alt") or "") + " ")
        elif tag not in _INLINE:
            if tag not in ("td", "th") or self._cells is None:
                self._end_block()
            if tag == "pre":
                self._pre(node)
            elif tag in ("ul", "ol"):
                self._lists.append(_start(node) if tag == "ol" else 0)
            elif tag == "li":
                self._begin_item()
            elif tag in _HEADINGS:
                self._level = _HEADINGS[tag]
            elif tag == "tr" and node.css_first(_NOT_IN_A_ROW) is None:
                self._cells = []

    def _leave(self, node: Any) -> None:
        tag = node.tag
        if tag in _INLINE or tag in _CODE or tag in ("br", "img"):
            return
        if self._cells is not None and tag in ("td", "th"):
            self._cells.append(" ".join("".join(self._text).split()))
            self._text = []
            return
        if self._cells is not None and tag == "tr":
            cells, self._cells = self._cells, None
            if any(cells):
                self._found.append(Block(" | ".join(cells)))
            self._text = []
            return
        self._end_block()
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag in _HEADINGS:
            self._level = 0
        elif tag == "li":
            self._mark = ""

    def _end_block(self) -> None:
        if self._cells is not None:  # a paragraph in a cell
            self._text.append(" ")
            return
        text = " ".join("".join(self._text).split())
        self._text = []
        if text:
            self._found.append(Block(text if self._level else self._mark + text, self._level))
            self._mark = ""

    def _begin_item(self) -> None:
        number = self._lists[-1] if self._lists else 0
        self._mark = f"{number}. " if number else "- "
        if number:
            self._lists[-1] += 1

    def _pre(self, node: Any) -> None:
        if self._mark:
            self._found.append(Block(self._mark))
            self._mark = ""
        if (code := node.text()).strip():
            inner = node.css_first("code")
            classes = " ".join((found.attributes.get("class") or "") for found in (node, inner) if found is not None)
            language = _LANGUAGE.search(classes)
            self._found.append(code_block(code, language.group(1) if language else ""))


def _start(node: Any) -> int:
    start = node.attributes.get("start") or ""
    return int(start) if start.isascii() and start.isdigit() and len(start) < 9 else 1


def _walk(root: Any) -> Iterator[tuple[Any, bool]]:
    """Every node below ``root`` that is content: True before what is in it, False after that."""
    node = root.child
    open_nodes: list[Any] = []
    beside = root.tag == "body"  # an aside is beside the page's own text; within that it is a note
    while node is not None or open_nodes:
        if node is None:
            node = open_nodes.pop()
            yield node, False
            node = node.next
            continue
        if _is_left_out(node) or (beside and node.tag == "aside"):
            node = node.next
            continue
        yield node, True
        if node.tag.startswith("-"):
            node = node.next
        elif node.tag in _CODE or node.tag == "pre" or node.child is None:
            yield node, False
            node = node.next
        else:
            open_nodes.append(node)
            node = node.child


def _is_left_out(node: Any) -> bool:
    if node.tag in _LEFT_OUT:
        return True
    if node.tag.startswith("-"):
        return False
    given = node.attributes
    return bool(given) and (
        "hidden" in given
        or given.get("aria-hidden") == "true"
        or given.get("role") in ("navigation", "search", "banner", "contentinfo")
    )
