"""Lines that look like a document's labels but stand where none are read: overlooked, they would show it to everybody.

Prose may speak of labels. So a line counts only in the head of a document (its first paragraph, with the comments,
headings and lines `key: value` before it) or right after a rule such as ``---``, where front matter would stand; and
only where a list of names follows the key, not a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.datasets.label_keys import label_key, plain_letters
from wbrag_pipeline.errors import InputError

_LONGEST = 400  # characters of a line; a longer one is prose
_RULE = re.compile(r"\s*(?:[–—]|(?:[-–—_*+=~;.][ \t]?){2,}\w{0,8})\s*$")
# A line `key: value` as it stands in front matter, and no sentence.
_KEY = re.compile(r"\s*(?:[-*+] )?[\"']?[\w.-]+[\"']?(?:\s*[:=](?:\s+\S+){0,6})?(?<![.!?])\s*$")
_CODE = re.compile(r"\s*(?:```|~~~)")
_PIECE = r"[\"'`]?[\w@./&+-]+(?: [\w@./&+-]+){0,2}[\"'`]?"
_NAMES = re.compile(rf"\s*(?:[\[({{].*|{_PIECE}(?:\s*[;,|]\s*{_PIECE}){{0,30}}\s*[;,|]?)\s*[\])}}]*\s*(?:-->)?\s*$")
_ITEM = re.compile(r"\s*(?:[-*+] |:)")
_WORD = re.compile(r"\b(?:access[\W_]*)?labels?(?![^\W_])")
_ESCAPE = re.compile(r"\\[xuU]")


def refuse_misplaced_labels(text: str, file: Path, first_line: int, hint: str) -> None:
    """Raise InputError for a line of a document without labels that reads like its labels."""
    in_head, after_rule, in_code, in_comment, begun, seen_text = True, False, False, False, False, False
    lines = text.split("\n")
    for number, line in enumerate(lines):
        bare = without_invisible(line).strip()
        in_comment = in_comment or (in_head and not seen_text and bare.startswith("<!--"))
        if _CODE.match(line):
            # A document that begins with a code block may have its front matter in it.
            in_code, in_head, after_rule = not in_code, in_head and (in_code or not begun), False
        elif not bare:
            in_head, after_rule = in_head and not seen_text, after_rule and not seen_text
        elif len(line) <= _LONGEST and _RULE.match(line):
            # What stood before a rule no longer counts: front matter may begin here.
            after_rule, seen_text = not in_code, seen_text and in_code
        elif in_head or after_rule:
            if _is_label_list(bare.removeprefix("<!--"), lines[number + 1 : number + 2]):
                problem = "looks like access labels, and none are read here"
                told = f"{hint}; or write [] there if it is for everybody"
                raise InputError(problem, file=name_of(file), line=first_line + number, field="labels", hint=told)
            is_key = len(line) <= _LONGEST and _KEY.match(line)
            seen_text = seen_text or not (in_code or in_comment or bare.startswith("#") or is_key)
        begun = begun or bool(bare and not in_comment)
        in_comment = in_comment and "-->" not in line


def _is_label_list(line: str, following: list[str]) -> bool:
    value = label_line(line)
    if value is None:
        return False
    if not value.strip():
        return bool(following and (_ITEM.match(following[0]) or _RULE.match(following[0][:_LONGEST])))
    return bool(_NAMES.match(value)) and not value.rstrip().endswith((".", "!", "?"))


def label_line(line: str) -> str | None:
    """What follows on a line that begins with a key for labels (``- "Labels" : …``), None for any other line."""
    if len(line) > _LONGEST:
        return None
    line = unicodedata.normalize("NFKC", line).lstrip(" \t:")
    at = min((place for mark in ":=" if (place := line.find(mark)) >= 0), default=-1)
    if at < 0:
        return "" if line.lstrip().startswith("? ") and label_key(line) is not None else None
    # "What are labels: …" is a sentence, "access labels: …" a key.
    return line[at + 1 :].strip("*_ \t") if at <= 40 and label_key(line[:at]) is not None else None


def names_labels(block: str) -> bool:
    """Whether a block that cannot be read may have labels in it: the word stands there, or marks in escapes do."""
    return bool(_ESCAPE.search(block) or _WORD.search(plain_letters(block))) or any(
        label_line(line) is not None for line in block.split("\n")
    )


def without_invisible(text: str, start: int = 0) -> str:
    """``text`` from ``start`` on without the blanks and invisible marks that it begins with there."""
    at = start
    while at < len(text) and (text[at].isspace() or unicodedata.category(text[at]) == "Cf"):
        at += 1
    return text[at:]
