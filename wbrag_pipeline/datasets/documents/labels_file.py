"""The file ``.labels`` of a folder: access labels of everything below it, one a line."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from wbrag_pipeline.datasets.access_labels import problem_of_label, tidy_labels
from wbrag_pipeline.datasets.documents.misplaced_labels import label_line
from wbrag_pipeline.datasets.files.plain_files import text_of_file
from wbrag_pipeline.datasets.files.quoting import name_of, shown
from wbrag_pipeline.datasets.label_keys import label_key
from wbrag_pipeline.errors import InputError

LABELS_FILE = ".labels"
_LARGEST = 1 << 20  # bytes
_HINT = "write one label a line; a comment is a line that begins with # and a blank, or follows a blank, # and a blank"
_COMMENT = re.compile(r"(?:^|[ \t])[ \t]*#(?:[ \t].*)?$")
_LONGEST = 400  # characters of a line


def labels_of_folder(folder: Path, names: Collection[str], root: Path) -> list[str]:
    """The labels in the folder's ``.labels``, sorted; none where it has no such file.

    names: of everything in the folder. root: of the corpus; a link may lead to a file inside of it. Raises InputError
    for a file that cannot be read as labels, holds none, or has a name like ``.Labels`` that is not read.
    """
    for name in sorted(names):
        if name != LABELS_FILE and _looks_like_one(name, folder, beside_one=LABELS_FILE in names):
            hint = f"name it {LABELS_FILE}, or give it a name that says something else"
            raise InputError("looks like access labels, and is not read", file=name_of(folder / name), hint=hint)
    if LABELS_FILE not in names:
        return []
    file = folder / LABELS_FILE
    if file.is_symlink() and not _leads_into(file, root):
        hint = "put a copy of the file in its place"
        raise InputError("is a link that leads to no file in the corpus", file=name_of(file), hint=hint)
    found = []
    for number, line in enumerate(text_of_file(file, _LARGEST, follow_link=True).split("\n"), start=1):
        if len(line) > _LONGEST:
            raise InputError(f"has more than {_LONGEST} characters", file=name_of(file), line=number, hint=_HINT)
        label = _COMMENT.sub("", line).strip()
        if not label:
            continue
        problem = problem_of_label(label)
        if "#" in label:
            problem = f"{shown(label)} may be a label or a comment"
        elif label.startswith(("- ", "* ", "[", "{", '"', "'")) or label_line(label) is not None:
            problem = f"{shown(label)} is written as in another format"
        if problem:
            raise InputError(problem, file=name_of(file), line=number, field="labels", hint=_HINT)
        found.append(label)
    if not found:
        raise InputError("holds no label", file=name_of(file), hint="take the file away if the folder is for everybody")
    return tidy_labels(found)


def _looks_like_one(name: str, folder: Path, *, beside_one: bool) -> bool:
    """Whether a file may be meant as ``.labels``; what an editor leaves beside one (``.labels~``) is not."""
    stem, _, rest = name.strip("._ ").partition(".")
    if label_key(stem) is None or (folder / name).is_dir():
        return False
    if name.startswith((".", "_", " ")):
        return not (beside_one and (rest or name.endswith("~")))
    return not rest and label_key(stem) == "labels"


def _leads_into(file: Path, root: Path) -> bool:
    try:
        return file.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # it leads nowhere, or in a circle
        return False
