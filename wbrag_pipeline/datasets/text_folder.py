"""A folder of Markdown and plain text files as passages of at most 100 words, cut at sentence ends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.access_labels import BadLabels, cut_labels, read_labels, stated_labels, tidy_labels
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.dates import DATE_HINT, parse_date
from wbrag_pipeline.datasets.front_matter import FRONT_MATTER_HINT, Document, split_front_matter
from wbrag_pipeline.datasets.labels_file import labels_of_folder
from wbrag_pipeline.datasets.markdown_text import plain_text
from wbrag_pipeline.datasets.misplaced_labels import refuse_misplaced_labels
from wbrag_pipeline.datasets.plain_files import text_of_file
from wbrag_pipeline.datasets.quoting import name_of
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.sentences import split_sentences

WORDS_A_PASSAGE = 100  # most words of a passage, as in FlashRAG's wiki18_100w
SUFFIXES = (".md", ".markdown", ".txt")
LARGEST = 16 << 20  # bytes of a file: some thousand pages
_DEEPEST = 100  # folders inside each other

FoundPassage = tuple[str, str, str, list[str], str, datetime | None]


def passages_in_folder(folder: Path, bad: BadDocuments | None = None) -> Iterator[FoundPassage]:
    """Yield ``(passage_id, title, text, labels, source, said_at)`` of ``.md`` and ``.txt`` files, by path.

    The id is the path relative to ``folder`` with ``/``, then ``#`` and the passage's number in its file from 1: a
    change in one file leaves the ids of all others alone. The title is the file's first heading, else its name; the
    source is the path. Labels are those of the file's front matter (``labels:``) and those in the file ``.labels``,
    one a line, of its folder and of every folder above it up to ``folder``. The time is the front matter's ``date``; a
    file's own time says when it was copied, not when it was true. Other hidden files and folders are passed over, and
    links to folders are not followed.

    bad: takes note of files that cannot be read, None refuses the first: not UTF-8, larger than LARGEST, a link or no
    regular file, not to be opened, labels or a date that are none. A bad ``.labels`` leaves out all that is below it.
    """
    bad = bad or BadDocuments()
    # By path as text, as ids compare, not folder by folder.
    for name, labels in sorted(_documents(folder, (), folder, bad)):
        try:
            found = list(_passages_of(folder / name, name, labels))
        except InputError as error:
            bad.found(error)
            continue
        yield from found


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


def _documents(folder: Path, above: tuple[str, ...], root: Path, bad: BadDocuments) -> list[tuple[str, list[str]]]:
    """Names of the documents below ``folder``, relative to ``root``, each with the labels that its folders give it."""
    found: list[tuple[str, list[str]]] = []
    try:
        if len(above) > _DEEPEST:
            raise InputError(f"is more than {_DEEPEST} folders deep", file=name_of(folder), hint="move it up")
        with os.scandir(folder) as listed:
            entries = {entry.name: entry for entry in listed}
    except InputError as error:
        bad.found(error)
        return []
    except OSError as error:
        reason = error.strerror or str(error)
        bad.found(InputError(f"cannot be read: {reason}", file=name_of(folder), hint="check its permissions"))
        return []
    for name in sorted(name for name in entries if not name.startswith(".")):
        is_folder = _is_folder(entries[name])
        if is_folder and entries[name].is_symlink():
            bad.found_link(name_of(folder / name))
        elif is_folder or name.lower().endswith(SUFFIXES):
            if not _is_unicode(name):
                bad.found(InputError("has a name that is not UTF-8", file=name_of(folder / name), hint="rename it"))
            elif is_folder:
                found += _documents(folder / name, (*above, name), root, bad)
            else:
                found.append(("/".join((*above, name)), []))
    try:
        own = labels_of_folder(folder, entries, root) if found else []
    except InputError as error:
        bad.found(error, len(found))
        return []
    return [(name, labels + own) for name, labels in found]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _passages_of(file: Path, name: str, labels: list[str]) -> Iterator[FoundPassage]:
    document = split_front_matter(text_of_file(file, LARGEST), file)
    labels = tidy_labels(labels + _labels_in(document, file))
    said_at = _said_at(document, file)
    title, text = ("", document.text) if file.suffix.lower() == ".txt" else plain_text(document.text)
    for number, passage in enumerate(cut_into_passages(text), start=1):
        yield f"{name}#{number}", title or file.stem, passage, labels, name, said_at


def _labels_in(document: Document, file: Path) -> list[str]:
    """Labels of the front matter: a list, or text with ``;`` between them."""
    field = ""
    try:
        field, value = stated_labels(document.fields)
        if not field:
            block = re.sub(r"^[ \t]*#.*", "", document.block, flags=re.MULTILINE)  # a comment is no field
            for text, line in ((document.before, 1), (block, document.line), (document.text, document.text_line)):
                refuse_misplaced_labels(text, file, line, FRONT_MATTER_HINT)
        return read_labels(cut_labels(value) if isinstance(value, str) else value)
    except BadLabels as bad:
        line = document.line_of(bad.field or field or "label")
        hint = bad.hint or "write labels: [hr, finance]; [] is for everybody"
        raise InputError(bad.problem, file=name_of(file), line=line, field=bad.field or "labels", hint=hint) from None


def _said_at(document: Document, file: Path) -> datetime | None:
    value: Any = document.fields.get("date")
    try:
        return parse_date(value)
    except ValueError as error:
        line = document.line_of("date")
        raise InputError(str(error), file=name_of(file), line=line, field="date", hint=DATE_HINT) from None
