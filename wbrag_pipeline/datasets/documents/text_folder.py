"""A folder of documents as passages of at most 100 words, cut at sentence ends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from wbrag_pipeline.datasets.access_labels import BadLabels, cut_labels, read_labels, stated_labels, tidy_labels
from wbrag_pipeline.datasets.bad_documents import BadDocuments
from wbrag_pipeline.datasets.dates import DATE_HINT, parse_date
from wbrag_pipeline.datasets.documents import document_kinds
from wbrag_pipeline.datasets.documents.blocks import BadDocument, Block, Contents
from wbrag_pipeline.datasets.documents.document_kinds import INSTALL, KINDS, DocumentKind, ending_of
from wbrag_pipeline.datasets.documents.front_matter import FRONT_MATTER_HINT, Document, split_front_matter
from wbrag_pipeline.datasets.documents.labels_file import labels_of_folder
from wbrag_pipeline.datasets.documents.misplaced_labels import refuse_misplaced_labels
from wbrag_pipeline.datasets.documents.notebook_text import markdown_of_notebook
from wbrag_pipeline.datasets.documents.passage_cutting import cut_blocks, title_with_path
from wbrag_pipeline.datasets.files.encodings import without_controls
from wbrag_pipeline.datasets.files.plain_files import bytes_of_file, text_of_file
from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.datasets.files.strict_yaml import BadYaml, yaml_value
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import ENGLISH

_DEEPEST = 100  # folders inside each other
_HEAD = 20  # blocks at the start of a document in which labels may be meant
_OWN_HINT = "write them with ; between, for example hr; finance"

FoundPassage = tuple[str, str, str, list[str], str, datetime | None]


class FolderDocument(NamedTuple):
    """A document that is to be read: its path relative to the folder, with ``/``, and the labels of its folders.

    stamp: size in bytes, and when it was changed and when its entry was, in nanoseconds; None where that is not told.
    """

    name: str
    labels: list[str]
    stamp: tuple[int, int, int] | None


def documents_in_folder(folder: Path, bad: BadDocuments) -> list[FolderDocument]:
    """All documents below ``folder`` that ``KINDS`` reads, by path as text, as ids compare, not folder by folder.

    Hidden files and folders are passed over, and links to folders are not followed. The labels are those in the file
    ``.labels``, one a line, of a document's folder and of every folder above it up to ``folder``.

    bad: takes note of what cannot be read: a bad ``.labels`` leaves out all that is below it. It also counts files of
    other kinds.
    """
    return sorted(_documents(folder, (), folder, bad), key=lambda document: document.name)


def passages_of_document(
    folder: Path, document: FolderDocument, bad: BadDocuments, language: str = ENGLISH
) -> list[FoundPassage]:
    """``(passage_id, title, text, labels, source, said_at)`` of one document's passages.

    The id is the path relative to ``folder`` with ``/``, then ``#`` and the passage's number in its file from 1: a
    change in one file leaves the ids of all others alone. The title is the file's first heading, else its name, with
    the headings under which the passage stands; the source is the path. Labels are those of the file's front matter
    (``labels:``) and those of its folders. The time is the front matter's ``date``; a file's own time says when it was
    copied, not when it was true.

    bad: takes note of control characters. Raises InputError for a file that cannot be read: not UTF-8, too large, a
    link or no regular file, not to be opened, encrypted, damaged, labels or a date that are none.
    """
    return list(_passages_of(folder / document.name, document.name, document.labels, bad, language))


def _documents(folder: Path, above: tuple[str, ...], root: Path, bad: BadDocuments) -> list[FolderDocument]:
    found: list[FolderDocument] = []
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
        elif not is_folder and not _is_read(name, bad):
            continue
        else:
            if not _is_unicode(name):
                bad.found(InputError("has a name that is not UTF-8", file=name_of(folder / name), hint="rename it"))
            elif is_folder:
                found += _documents(folder / name, (*above, name), root, bad)
            else:
                found.append(FolderDocument("/".join((*above, name)), [], _stamp(entries[name])))
    try:
        own = labels_of_folder(folder, entries, root) if found else []
    except InputError as error:
        bad.found(error, len(found))
        return []
    return [document._replace(labels=document.labels + own) for document in found]


def _stamp(entry: os.DirEntry[str]) -> tuple[int, int, int] | None:
    try:
        found = entry.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


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


def _is_read(name: str, bad: BadDocuments) -> bool:
    """Whether a file is of a kind that is read here; takes note of it where it is not."""
    kind = KINDS.get(ending := ending_of(name))
    if kind is not None and kind.is_readable:
        return True
    bad.found_other_kind(name_of(Path(ending)) if ending else "(no ending)", INSTALL if kind else "")
    return False


def _passages_of(file: Path, name: str, labels: list[str], bad: BadDocuments, language: str) -> Iterator[FoundPassage]:
    try:
        document, contents = _read(file, KINDS[ending_of(name)])
    except BadDocument as error:
        raise InputError(error.problem, file=name_of(file), line=error.line, hint=error.hint or None) from None
    labels = tidy_labels(labels + _labels_in(document, contents, file))
    said_at = _said_at(document, file) or _own_date(contents)
    title, blocks = _titled(contents, document)
    title = " ".join(title.split()) or file.stem
    for number, cut in enumerate(cut_blocks(blocks, language=language), start=1):
        text, controls = without_controls(cut.text)
        told, more = without_controls(title_with_path(title, cut.path))
        bad.controls += controls + more
        if text.strip():
            yield f"{name}#{number}", told.strip(), text, labels, name, said_at


def _read(file: Path, kind: DocumentKind) -> tuple[Document, Contents]:
    """A file's front matter, and what is after it."""
    if kind.from_bytes:
        return Document(""), kind.from_bytes(bytes_of_file(file, document_kinds.LARGEST_WITH_MEDIA))
    fields: dict[str, Any] = {}
    largest = document_kinds.LARGEST_WITH_MEDIA if kind.notebook else document_kinds.LARGEST
    text = text_of_file(file, largest)
    if kind.notebook:
        text, fields = markdown_of_notebook(text)
    document = split_front_matter(text, file)
    assert kind.from_text is not None
    contents = kind.from_text(document.text)
    return document, replace(contents, fields={**fields, **contents.fields})


def _titled(contents: Contents, document: Document) -> tuple[str, list[Block]]:
    """The document's title, and its blocks without it.

    It is the first heading; where that is of a lower level, what the document says its title is goes before it.
    """
    first = next((at for at, block in enumerate(contents.blocks) if block.level), None)
    stated = contents.title or document.fields.get("title")
    if isinstance(stated, str) and stated.strip() and (first is None or contents.blocks[first].level > 1):
        return stated, contents.blocks
    if first is None:
        return "", contents.blocks
    return contents.blocks[first].text, contents.blocks[:first] + contents.blocks[first + 1 :]


def _labels_in(document: Document, contents: Contents, file: Path) -> list[str]:
    """Labels that a document states, in its front matter or in its format's own way: a list, or text with ``;``."""
    field, is_own = "", False
    try:
        field, value = stated_labels(document.fields)
        if not field:
            field, value = stated_labels(contents.fields)
            is_own = bool(field)
        if not field:
            _refuse_misplaced(document, contents, file)
        if is_own and isinstance(value, str) and value.strip().startswith("["):
            value = yaml_value(value)
        return read_labels(cut_labels(value) if isinstance(value, str) else value)
    except BadYaml as bad:
        raise InputError(bad.problem, file=name_of(file), field="labels", hint=_OWN_HINT) from None
    except BadLabels as bad:
        line = None if is_own else document.line_of(bad.field or field or "label")
        hint = bad.hint or (_OWN_HINT if is_own else "write labels: [hr, finance]; [] is for everybody")
        raise InputError(bad.problem, file=name_of(file), line=line, field=bad.field or "labels", hint=hint) from None


def _refuse_misplaced(document: Document, contents: Contents, file: Path) -> None:
    """Raise InputError where a document without labels has a line that reads like its labels."""
    block = re.sub(r"^[ \t]*#.*", "", document.block, flags=re.MULTILINE)  # a comment is no field
    for text, line in ((document.before, 1), (block, document.line), (document.text, document.text_line)):
        refuse_misplaced_labels(text, file, line, FRONT_MATTER_HINT)
    if not KINDS[ending_of(file.name)].is_plain:
        head = "\n\n".join(block.text for block in contents.blocks[:_HEAD] if not block.fence)
        refuse_misplaced_labels(head, file, 1, "give them in a file .labels beside it")


def _own_date(contents: Contents) -> datetime | None:
    """The date that a format's own fields state; these are often filled in by programs, in forms of their own."""
    try:
        return parse_date(contents.fields.get("date"))
    except ValueError:
        return None


def _said_at(document: Document, file: Path) -> datetime | None:
    value: Any = document.fields.get("date")
    try:
        return parse_date(value)
    except ValueError as error:
        line = document.line_of("date")
        raise InputError(str(error), file=name_of(file), line=line, field="date", hint=DATE_HINT) from None
