"""A folder of Markdown and plain text files as passages of at most 100 words, cut at sentence ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from wbrag_pipeline.datasets.access_labels import cut_labels, problem_of_label, tidy_labels
from wbrag_pipeline.datasets.dates import DATE_HINT, parse_date
from wbrag_pipeline.datasets.records import kind_of
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.sentences import split_sentences

WORDS_A_PASSAGE = 100  # most words of a passage, as in FlashRAG's wiki18_100w
SUFFIXES = (".md", ".markdown", ".txt")
LABELS_FILE = ".labels"
_LABELS_HINT = "write labels: [hr, finance]"
_DATE = re.compile(r"^date[ \t]*:", re.MULTILINE)

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$|^(?=\S)(.+)\n(?:=+|-{2,})[ \t]*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_MARKUP = (
    (_FRONT_MATTER, ""),
    (re.compile(r"<!--.*?-->", re.DOTALL), " "),
    (re.compile(r"^ {0,3}(?:```|~~~).*$", re.MULTILINE), ""),  # fences go, what they fence stays
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"(\*\*|__|`)(\S(?:.*?\S)?)\1"), r"\2"),
    (re.compile(r"^[ \t]*(?:[-*+]|>)[ \t]+", re.MULTILINE), ""),
)


def passages_in_folder(folder: Path) -> Iterator[tuple[str, str, str, list[str], str, datetime | None]]:
    """Yield ``(passage_id, title, text, labels, source, said_at)`` of ``.md`` and ``.txt`` files, by path.

    The id is the path relative to ``folder`` with ``/``, then ``#`` and the passage's number in its file from 1: a
    change in one file leaves the ids of all others alone. The title is the file's first heading, else its name; the
    source is the path. Labels are those of the file's front matter (``labels:``) and those in the file ``.labels``,
    one a line, of its folder and of every folder above it up to ``folder``. The time is the front matter's ``date``; a
    file's own time says when it was copied, not when it was true. Other hidden files and folders are passed
    over. Raises InputError on a file that is not UTF-8 and on labels or a date that are none.
    """
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES}
    for name in sorted(files):
        if any(part.startswith(".") for part in name.split("/")) or not files[name].is_file():
            continue
        text = _read(files[name])
        front = _front_matter(text, files[name])
        labels = tidy_labels(_labels_above(folder, name) + _labels_in(front, files[name]))
        said_at = _said_at(front, files[name])
        title, text = _plain(text, files[name])
        for number, passage in enumerate(cut_into_passages(text), start=1):
            yield f"{name}#{number}", title, passage, labels, name, said_at


def cut_into_passages(text: str, words: int = WORDS_A_PASSAGE) -> list[str]:
    """``text`` as passages of at most ``words`` words (split at blanks), each ending where a sentence ends.

    A sentence of more than ``words`` words is cut after each ``words`` of them: no word is ever lost.
    """
    passages: list[str] = []
    current: list[str] = []
    for piece in _pieces(_sentences(text), words):
        if len(current) + len(piece) > words:
            passages.append(" ".join(current))
            current = []
        current += piece
    if current:
        passages.append(" ".join(current))
    return passages


def _sentences(text: str) -> list[str]:
    """The sentences of ``text``; a blank line ends one too."""
    return [sentence for paragraph in re.split(r"\n[ \t]*\n", text) for sentence in split_sentences(paragraph)]


def _pieces(found: Iterable[str], words: int) -> Iterator[list[str]]:
    for sentence in found:
        tokens = sentence.split()
        for start in range(0, len(tokens), words):
            yield tokens[start : start + words]


def _labels_above(folder: Path, name: str) -> list[str]:
    """Labels in the ``.labels`` files between ``folder`` and the file ``name`` in it."""
    found: list[str] = []
    for parent in (folder / name).relative_to(folder).parents:
        file = folder / parent / LABELS_FILE
        if file.exists():
            lines = [line.split("#", 1)[0] for line in _read(file).split("\n")]
            for number, line in enumerate(lines, start=1):
                found += _checked([line] if line.strip() else [], file, number)
    return found


def _front_matter(text: str, file: Path) -> dict[str, Any]:
    """The fields of a Markdown file's front matter that are read here; none where it has none of them."""
    found = None if file.suffix.lower() == ".txt" else _FRONT_MATTER.match(text)
    lines = (found.group(1) or "") if found else ""
    # Labels wherever the word stands: one that is overlooked shows a passage to everybody.
    field = "labels" if "labels" in lines else "date" if _DATE.search(lines) else ""
    if not field:
        return {}
    try:
        fields = yaml.safe_load(lines)
    except yaml.YAMLError as error:
        problem = f"the front matter is no YAML: {str(error).splitlines()[0]}"
        raise InputError(
            problem, file=file, line=1, field=field, hint=_LABELS_HINT if field == "labels" else DATE_HINT
        ) from None
    return fields if isinstance(fields, dict) else {}


def _labels_in(front: dict[str, Any], file: Path) -> list[str]:
    """``labels`` of a front matter: a list, or text with ``;`` between them."""
    if "labels" not in front:
        return []
    value = front["labels"]
    if isinstance(value, str):
        value = cut_labels(value)
    if not isinstance(value, list):
        problem = f"must be a list of text, not {kind_of(value)}"
        raise InputError(problem, file=file, line=1, field="labels", hint=_LABELS_HINT)
    return _checked(value, file, 1)


def _said_at(front: dict[str, Any], file: Path) -> datetime | None:
    try:
        return parse_date(front.get("date"))
    except ValueError as error:
        raise InputError(str(error), file=file, line=1, field="date", hint=DATE_HINT) from None


def _checked(labels: list[str], file: Path, line: int) -> list[str]:
    for label in labels:
        if problem := problem_of_label(label):
            raise InputError(problem, file=file, line=line, field="labels", hint="write one label a line, or a list")
    return labels


def _plain(text: str, file: Path) -> tuple[str, str]:
    """Title and text without markup. Headings stay in the text as paragraphs of their own, the title's excepted."""
    if file.suffix.lower() == ".txt":
        return file.stem, text
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    first = _HEADING.search(text)
    title = file.stem
    if first:
        title = (first.group(1) or first.group(2)).strip()
        text = text[: first.start()] + "\n\n" + text[first.end() :]
    return title, _HEADING.sub(lambda heading: f"\n\n{heading.group(1) or heading.group(2)}\n\n", text)


def _read(file: Path) -> str:
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} of the file"
        hint = "save the file as UTF-8, for example with: iconv -f latin1 -t utf-8"
        raise InputError(problem, file=file, line=line, hint=hint) from None
