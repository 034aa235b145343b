"""Access labels as they stand in files: who may see a passage.

A passage carries a set of labels; only a reader who has all of them sees it, and one without labels is seen by
everybody. So a label that is lost is a passage that is shown: whatever cannot be read as labels is refused.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

from wbrag_pipeline.datasets.documents.misplaced_labels import names_labels
from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.files.records import RecordFile, kind_of
from wbrag_pipeline.datasets.label_keys import LabelKey, label_key, nested_label_key

SEPARATOR = ";"
LABELS_HINT = 'write a list of text, for example ["hr", "finance"]; [] is for everybody'


def labels_of(source: RecordFile, number: int, fields: dict[str, Any], column: str | None = None) -> list[str]:
    """The labels of a row, sorted, each once; none where the row has no such field.

    column: the field that states them, where the user named it.

    In CSV they stand in one cell with ``;`` between them, and an empty cell is none. Raises InputError for anything but
    a list of text, and for a field that may be meant as labels but is not (see ``stated_labels``).
    """
    try:
        field, value = stated_labels(fields, column)
        if field and source.format == "csv":
            value = cut_labels(str(value)) if str(value).strip() else []
        return read_labels(value)
    except BadLabels as bad:
        hint = LABELS_HINT if source.format != "csv" else "write them with ; between, for example hr; finance"
        raise source.error(bad.problem, number, bad.field or "labels", bad.hint or hint) from None


class BadLabels(Exception):
    """Why something is not read as labels; ``field`` is the key that it stands under, "" for ``labels`` itself."""

    def __init__(self, problem: str, field: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.field, self.hint = problem, field, hint


def stated_labels(fields: dict[str, Any], column: str | None = None) -> tuple[str, Any]:
    """The field that states the labels, with its value; ``("", [])`` where nothing does. column: as for ``labels_of``.

    Raises BadLabels for two such fields; and, where none states them, for one that may be meant so: a slip of the pen,
    another word for it, or labels inside another field.
    """
    kinds = _label_keys(tuple(fields), column)
    stating = [field for field, kind in kinds.items() if kind == "labels"]
    if len(stating) > 1:
        raise BadLabels(f"stands twice, as {' and as '.join(map(shown, stating[:2]))}", hint="write it once")
    if stating:
        return stating[0], fields[stating[0]]
    for field in kinds:
        raise BadLabels("looks like access labels, and is not read as such", field, _MEANT)
    for field, value in fields.items():
        if isinstance(value, str):
            if field not in _PROSE and value.lstrip().startswith(("{", "[")) and names_labels(value):
                raise BadLabels("is an object written as text that speaks of access labels", field, _MEANT)
        elif isinstance(value, (dict, list)) and (inner := nested_label_key(value)):
            raise BadLabels(f"has {shown(inner)} inside, which is not read as access labels", field, _MEANT)
    return "", []


@lru_cache(maxsize=1024)  # rows of a file have few sets of fields, and there may be millions of rows
def _label_keys(names: tuple[str, ...], column: str | None) -> dict[str, LabelKey]:
    """The fields among these that mean labels, or may; ``column`` does."""
    kinds = {name: kind for name in names if (kind := label_key(name)) is not None}
    return kinds if column is None else {**kinds, column: "labels"}


_PROSE = ("text", "contents", "title", "context", "page_content", "content")  # what a passage says
_MEANT = "write labels beside the other fields: a list of text, or [] if it is for everybody"


def read_labels(value: object) -> list[str]:
    """A list of labels, tidied. Raises BadLabels for anything else."""
    if not isinstance(value, list):
        raise BadLabels(f"must be a list of text, not {kind_of(value)}")
    for label in value:
        if problem := problem_of_label(label):
            raise BadLabels(problem)
    return tidy_labels(value)


def cut_labels(text: str) -> list[str]:
    """The labels in ``hr; finance``. Raises BadLabels where there are none: a lost label is no permission."""
    found = [label.strip() for label in text.split(SEPARATOR) if label.strip()]
    if not found:
        raise BadLabels("holds no label")
    return found


def problem_of_label(label: object) -> str | None:
    """Why ``label`` is none, in words; None when it is one.

    Commas, semicolons and line breaks stand between labels in one format or another, so they cannot stand in one.
    """
    if not isinstance(label, str):
        return f"must hold text only, not {kind_of(label)}"
    if not label.strip():
        return "holds an empty label"
    if any(mark in ",;" or unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") for mark in label.strip()):
        return f"holds the label {shown(label)}: a label has no comma, semicolon, line break or control character"
    return None


def tidy_labels(labels: list[str]) -> list[str]:
    """Labels without blanks around them, in one spelling of Unicode (NFC), sorted, each once. Case matters."""
    return sorted({unicodedata.normalize("NFC", label.strip()) for label in labels}) if labels else []
