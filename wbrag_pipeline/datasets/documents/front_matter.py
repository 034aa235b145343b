"""What a document says about itself before its text begins: front matter in YAML, TOML or JSON.

Read are ``labels`` and ``date``. A block that cannot be read, or labels in a place where none are read, are refused:
taken for prose they would show the document to everybody.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.dates import DATE_HINT
from wbrag_pipeline.datasets.documents.misplaced_labels import label_line, names_labels, without_invisible
from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_at_start
from wbrag_pipeline.datasets.files.strict_yaml import BadYaml, yaml_value
from wbrag_pipeline.datasets.label_keys import nested_label_key
from wbrag_pipeline.errors import InputError

LONGEST_BLOCK = 1 << 16  # characters of a block; what is longer is prose between two rules
FRONT_MATTER_HINT = "begin the file with the three lines: ---, labels: [hr, finance], ---"

_YAML_FENCE = re.compile(r"-{3,}[ \t]*(?:\n|\Z)")
_YAML_END = re.compile(r"^(?:-{3,}|\.{3})[ \t]*(?:\n|\Z)", re.MULTILINE)
_TOML_FENCE = re.compile(r"\+{3,}[ \t]*(?:\n|\Z)")
_TOML_END = re.compile(r"^\+{3,}[ \t]*(?:\n|\Z)", re.MULTILINE)
# How front matter begins, and prose between two rules does not: with a key of one word, a list or a mapping.
_BEGINS_WITH_KEY = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*[-?{\[ \t]*[\"']?[^\s:=\"']+[\"']?[ \t]*[:=]")
_DATE = re.compile(r"^\s*\"?date\"?[ \t]*[:=]", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A file's fields and its text.

    fields: of the front matter; none where there is none. text: what comes after it, from the line ``text_line`` on.
    block: the front matter as written, from ``line`` on. before: comments and blank lines that stood before it.
    """

    text: str
    text_line: int = 1
    fields: dict[str, Any] = field(default_factory=dict)
    line: int = 1
    block: str = ""
    before: str = ""

    def line_of(self, key: str) -> int:
        """The line on which a field stands, as far as it can be found."""
        for number, line in enumerate(self.block.split("\n")):
            if key.casefold() in line.casefold():
                return self.line + number
        return self.line


def split_front_matter(text: str, file: Path) -> Document:
    """The document in a file's text. Blank lines, HTML comments and invisible marks may stand before front matter.

    YAML stands between ``---`` and ``---`` or ``...``, TOML between ``+++``, JSON is an object at the start. A block
    that is no mapping is prose. Raises InputError where a block cannot be read and names labels or a date.
    """
    start = _start_of(text)
    body, line = text[start:], text.count("\n", 0, start) + 1
    for fence, end, read in ((_YAML_FENCE, _YAML_END, yaml_value), (_TOML_FENCE, _TOML_END, _toml)):
        opening = fence.match(body)
        if opening is None:
            continue
        closing = end.search(body, opening.end())
        if closing is None:
            _refuse_unclosed(body[opening.end() :], file, line + 1)
            return Document(text)
        block = body[opening.end() : closing.start()]
        found = _fields(block, read, file, line + 1)
        if found is None:
            return Document(text)
        after = line + body.count("\n", 0, closing.end())
        return Document(body[closing.end() :], after, found, line + 1, block, text[:start])
    return _with_json(text, body, start, file, line)


def _start_of(text: str) -> int:
    """Where blank lines, invisible marks and comments at the start of ``text`` end."""
    at = 0
    while True:
        at = len(text) - len(without_invisible(text, at))
        if not text.startswith("<!--", at) or (end := text.find("-->", at)) < 0:
            return at
        at = end + len("-->")


def _fields(block: str, read: Any, file: Path, line: int) -> dict[str, Any] | None:
    """The mapping in a block, None where it is prose; empty for front matter that nobody can read and need not."""
    if len(block) > LONGEST_BLOCK:
        return None
    try:
        value = read(block)
    except BadYaml as bad:
        if not _BEGINS_WITH_KEY.match(block) and not bad.hostile:
            return None
        named = "labels" if names_labels(block) else "date" if _DATE.search(block) else None
        if named or bad.hostile:
            at = line + (bad.line or 1) - 1
            problem = f"the front matter cannot be read: {bad.problem}"
            hint = DATE_HINT if named == "date" else FRONT_MATTER_HINT
            raise InputError(problem, file=name_of(file), line=at, field=named, hint=hint) from None
        return {}
    if value is None or (isinstance(value, dict) and (_BEGINS_WITH_KEY.match(block) or nested_label_key(value))):
        return value or {}
    if nested_label_key(value) or (_BEGINS_WITH_KEY.match(block) and names_labels(block)):
        problem = "looks like access labels, but the front matter is no list of `key: value`"
        raise InputError(problem, file=name_of(file), line=line, field="labels", hint=FRONT_MATTER_HINT)
    return None


def _toml(block: str) -> dict[str, Any]:
    try:
        return tomllib.loads(block)
    except RecursionError:
        raise BadYaml("nested too deeply", hostile=True) from None
    except ValueError as error:
        problem = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or a date that there is not"
        raise BadYaml(problem.splitlines()[0]) from None


def _with_json(text: str, body: str, start: int, file: Path, line: int) -> Document:
    """A document that begins with a JSON object, and has text after it."""
    if not body.startswith("{") or body[1:2] in "{%#:":  # templates begin so, too
        return Document(text)
    try:
        value, end = json_at_start(body[:LONGEST_BLOCK])
        bad = ""
    except BadJson as error:
        value, end, bad = None, 0, str(error)
    rest = body[end:]
    if isinstance(value, dict) and rest.strip() and rest.lstrip(" \t").startswith("\n"):
        return Document(rest, line + body.count("\n", 0, end), value, line, body[:end], text[:start])
    block = body[:end] if value is not None else body[:LONGEST_BLOCK].split("\n\n", 1)[0]
    if names_labels(block):
        problem = f"the front matter cannot be read: {bad or 'no line of text follows it'}"
        raise InputError(problem, file=name_of(file), line=line, field="labels", hint=FRONT_MATTER_HINT)
    return Document(text)


def _refuse_unclosed(body: str, file: Path, line: int) -> None:
    """Raise InputError where front matter begins that no line closes, and a line begins with a key for labels.

    A rule with a blank line after it begins prose.
    """
    in_code, lines = False, body.split("\n")
    if not lines[0].strip():
        return
    block = lines[: next((at for at, found in enumerate(lines) if not found.strip()), len(lines))]
    named = _BEGINS_WITH_KEY.match(body) is not None and names_labels("\n".join(block)[:LONGEST_BLOCK])
    for number, found in enumerate(lines):
        if found.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif (named and number < len(block)) or (not in_code and label_line(found) is not None):
            problem = "looks like front matter with labels that no line `---` closes"
            raise InputError(problem, file=name_of(file), line=line + number, field="labels", hint=FRONT_MATTER_HINT)
