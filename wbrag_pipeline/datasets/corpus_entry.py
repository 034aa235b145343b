"""A corpus as the registry names it: a file, a folder of documents, or a retriever of the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wbrag_pipeline.datasets.entry_file import fields_of
from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, PASSAGE_NAMES, ColumnMap
from wbrag_pipeline.datasets.files.quoting import name_of
from wbrag_pipeline.datasets.retriever_entry import RETRIEVER_KEYS, RetrieverEntry
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.languages import ENGLISH, language_code

_FEWEST_WORDS = 10  # of a part


@dataclass(frozen=True)
class Corpus:
    """A knowledge base: ``path`` is absolute, a file or a folder that ``read_corpus`` takes with ``columns``.

    split: most words of a part that long rows are cut into; 0 where they are not cut.
    retriever: the user's own, in the place of a path; its passages are those that it shows.
    language: of its texts, and of the questions about them; see ``languages``.
    """

    name: str
    path: Path | None
    description: str = ""
    split: int = 0
    columns: ColumnMap = AS_IN_FILE
    retriever: RetrieverEntry | None = None
    language: str = ENGLISH

    @property
    def place(self) -> str:
        """Where it comes from, for people."""
        return self.retriever.address if self.retriever else str(self.path)

    @property
    def files(self) -> list[Path]:
        """The user's own file or folder; none of a retriever."""
        return [] if self.path is None else [self.path]


def corpus_of(file: Path) -> Corpus:
    """The corpus of an entry's YAML file. Raises InputError that names file and field."""
    fields = fields_of(file, required=(), optional=("path", "description", "map", "split", "language", *RETRIEVER_KEYS))
    named = [key for key in RETRIEVER_KEYS if fields.get(key)]
    if not fields.get("path") and not named:
        raise InputError("is missing", file=file, field="path", hint="add a line `path: ...`, or `url: ...`")
    language = _language(file, fields)
    if not named:
        split, columns = _split(file, fields.get("split", "")), entry_columns(file, fields, PASSAGE_NAMES)
        return Corpus(
            file.stem, path_of(file, fields["path"]), fields.get("description", ""), split, columns, language=language
        )
    if alone := next((key for key in ("path", "map", "split") if fields.get(key)), None):
        raise InputError(f"stands beside {named[0]!r}", file=file, field=alone, hint="a retriever has no file to read")
    try:
        retriever = RetrieverEntry.parse(fields)
    except InputError as error:
        raise InputError(error.problem, file=file, field=error.field, hint=error.hint) from None
    return Corpus(file.stem, None, fields.get("description", ""), retriever=retriever, language=language)


def entry_columns(file: Path, fields: dict[str, str], names: Mapping[str, str]) -> ColumnMap:
    """What an entry's key ``map`` says of columns. Raises InputError that names file and field."""
    try:
        return ColumnMap.parse(fields.get("map", ""), names)
    except InputError as error:
        raise InputError(error.problem, file=file, field="map", hint=error.hint) from None


def absolute_path(path: Path) -> Path:
    """The path from the root on, ``~`` in it replaced.

    Raises InputError for the home of somebody who has none, and for a name that no file of the registry can hold.
    """
    if name_of(path) != str(path):
        raise InputError("has a name that is not UTF-8", file=name_of(path), hint="rename it")
    try:
        return Path(os.path.abspath(path.expanduser()))
    except RuntimeError:
        raise InputError("begins with the home folder of an unknown user", file=path, hint="write it in full") from None


def path_of(file: Path, value: str) -> Path:
    """The absolute path that a value of the entry ``file`` means. Raises as ``absolute_path``."""
    # Links are kept: the hub's cache keeps a file's name in its link and a hash as the file it leads to.
    return absolute_path(Path(value) if value.startswith("~") else file.parent / value)


def _language(file: Path, fields: dict[str, str]) -> str:
    try:
        return language_code(fields.get("language", ""))
    except InputError as error:
        raise InputError(error.problem, file=file, field="language", hint=error.hint) from None


def _split(file: Path, value: str) -> int:
    if value and not (value.isascii() and value.isdigit() and len(value) < 6 and int(value) >= _FEWEST_WORDS):
        hint = f'for example "100"; at least {_FEWEST_WORDS}'
        raise InputError(f"{value!r} is no number of words", file=file, field="split", hint=hint)
    return int(value or 0)
