"""reStructuredText as blocks of text, by docutils; what it does not know, as Sphinx's directives, gives its text."""

from __future__ import annotations

import re
from typing import Any

from wbrag_pipeline.datasets.documents.blocks import BadDocument, Block, Contents, code_block, inline_code

_LARGEST = 1 << 20  # characters: docutils takes longer and longer for each of them
_LONGEST_PARAGRAPH = 1 << 16  # characters
_MOST_SUBSTITUTED = 64 << 20  # characters that `|name|` may stand for, all of them together
_LONGEST_SUBSTITUTE = 1_000  # characters of one, unless there are longer lines
_SETTINGS = {
    # Nothing but the text is read: no other file, no configuration, no HTML.
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "syntax_highlight": "none",
    "smart_quotes": False,
    "doctitle_xform": False,
}
_ROLE = re.compile(r":[\w:+.-]+:`(.*)`", re.DOTALL)
_WITH_TARGET = re.compile(r"(.*\S)\s*<[^<>]*>", re.DOTALL)
_DIRECTIVE = re.compile(r"[ \t]*\.\.[ \t]+([\w:+.-]+)::[ \t]*(.*)")
_OPTION = re.compile(r"[ \t]+:[\w -]+:")
_CODE_DIRECTIVES = {"code-block", "code", "sourcecode", "highlight", "parsed-literal", "prompt", "testcode", "doctest"}
_NO_TEXT = {"toctree", "include", "literalinclude", "raw", "contents", "index", "highlight", "currentmodule"}


def contents_of_rst(text: str) -> Contents:
    """The blocks of a document, and the fields that it begins with. Raises BadDocument where it cannot be read."""
    from docutils.core import publish_doctree

    if len(text) > _LARGEST:
        raise BadDocument(f"is reStructuredText of more than {_LARGEST >> 20} MiB", "cut it into several files")
    longest = max(map(len, re.split(r"\n[ \t]*\n", text)), default=0)
    if longest > _LONGEST_PARAGRAPH:
        raise BadDocument(f"has a paragraph of more than {_LONGEST_PARAGRAPH:,} characters", "put blank lines into it")
    # It bounds lines and substitutes alike; a document with a longer line would be passed over.
    limit = max(_LONGEST_SUBSTITUTE, *map(len, text.split("\n")))
    if ".. |" in text and text.count("|") // 2 * limit > _MOST_SUBSTITUTED:
        raise BadDocument("has substitutions that may stand for too much text", "write them out")
    try:
        tree = publish_doctree(text, settings_overrides={**_SETTINGS, "line_length_limit": limit})
        reader = _Reader()
        reader.read(tree, 0)
    except RecursionError:
        raise BadDocument("is nested too deeply", "write it with fewer levels") from None
    except Exception as error:  # whatever marks in a text make of a reader
        told = (str(error) or type(error).__name__)[:200]
        raise BadDocument(f"cannot be read as reStructuredText: {told}", "check it with rst2html") from None
    return Contents(reader.blocks, fields=reader.fields)


class _Reader:
    """One walk through a document's tree."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.fields: dict[str, Any] = {}

    def read(self, node: Any, level: int, mark: str = "") -> None:
        """Blocks of what is in ``node``. level: of the section it is in. mark: that the first of them begins with."""
        for child in node.children:
            before = len(self.blocks)
            self._read_one(child, level, mark)
            mark = "" if len(self.blocks) > before else mark

    def _read_one(self, node: Any, level: int, mark: str) -> None:
        kind = node.tagname
        if kind in ("docinfo", "field_list"):
            self._read_fields(node, in_front=kind == "docinfo" or all(block.level for block in self.blocks))
        elif kind == "section":
            self.read(node, level + 1)
        elif kind in ("title", "rubric", "caption", "subtitle"):
            self._add(_inline(node), level=max(1, level) if kind == "title" else 0)
        elif kind in ("literal_block", "doctest_block", "math_block"):
            if mark:
                self.blocks.append(Block(mark))
            classes = [name for name in node.get("classes", []) if name != "code"]
            self.blocks.append(code_block(node.astext(), classes[0] if classes else ""))
        elif kind == "system_message":
            self._read_unknown(node)
        elif kind == "bullet_list":
            for item in node.children:
                self.read(item, level, "- ")
        elif kind == "enumerated_list":
            for number, item in enumerate(node.children, start=int(node.get("start", 1))):
                self.read(item, level, f"{number}. ")
        elif kind == "row":
            self._add(" | ".join(" ".join(_inline(entry).split()) for entry in node.children))
        elif kind == "image":
            self._add(mark + node.get("alt", ""))
        elif kind in ("comment", "target", "substitution_definition", "pending", "raw", "label", "colspec", "topic"):
            if kind == "topic" and "contents" not in node.get("classes", []):
                self.read(node, level)
        elif kind in ("paragraph", "term", "classifier", "attribution", "line", "author", "date", "version"):
            self._add(mark + _inline(node))
        else:
            self.read(node, level, mark)

    def _add(self, text: str, level: int = 0) -> None:
        if text.strip(" -"):
            self.blocks.append(Block(text, level))

    def _read_fields(self, node: Any, *, in_front: bool) -> None:
        for field in node.children:
            if field.tagname == "field":
                name, value = field.children[0].astext(), field.children[1].astext()
            else:
                name, value = field.tagname, field.astext()
            if in_front:
                self.fields[name if name not in self.fields else f"{name} "] = value
            else:
                self._add(f"{name}: {value}")

    def _read_unknown(self, node: Any) -> None:
        """What docutils does not know or may not do: the text of a directive, without its name and options."""
        for child in node.children:
            if child.tagname != "literal_block":
                continue
            lines = child.astext().split("\n")
            named = _DIRECTIVE.match(lines[0])
            if named is None:
                self._add(child.astext())
                continue
            name, argument = named.groups()
            if name in _NO_TEXT:
                continue
            rest = lines[1:]
            while rest and _OPTION.match(rest[0]):
                rest = rest[1:]
            text = _dedented(rest)
            if name.rsplit(":", 1)[-1] in _CODE_DIRECTIVES:
                if text.strip():
                    self.blocks.append(code_block(text, argument.strip()))
                continue
            self._add(argument)
            if text.strip() and len(text) < len(child.astext()):
                self.blocks += contents_of_rst(text).blocks


def _dedented(lines: list[str]) -> str:
    import textwrap

    return textwrap.dedent("\n".join(lines)).strip("\n")


def _inline(node: Any) -> str:
    """The text of a paragraph: literals as code, references by their text alone."""
    parts = []
    for child in node.children:
        kind = child.tagname
        if kind == "literal":
            parts.append(inline_code(child.astext()))
        elif kind == "problematic":
            role = _ROLE.fullmatch(child.astext())
            text = role.group(1) if role else child.astext()
            target = _WITH_TARGET.fullmatch(text) if role else None
            parts.append(target.group(1) if target else text.lstrip("~!") if role else text)
        elif kind == "image":
            parts.append(child.get("alt", ""))
        elif kind in ("target", "raw", "comment", "substitution_definition", "system_message"):
            continue
        elif child.children:
            parts.append(_inline(child) + ("\n" if kind == "paragraph" else ""))
        else:
            parts.append(child.astext())
    return "".join(parts)
