"""Access labels as they stand in files: who may see a passage.

A passage carries a set of labels; only a reader who has all of them sees it, and one without labels is seen by
everybody. So a label that is lost is a passage that is shown: whatever cannot be read as labels is refused.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from wbrag_pipeline.datasets.records import RecordFile, kind_of

SEPARATOR = ";"
_HINT = 'write a list of text, for example ["hr", "finance"]; [] is for everybody'


def labels_of(source: RecordFile, number: int, fields: dict[str, Any]) -> list[str]:
    """The labels of a row, sorted, each once; none where the row has no such field.

    In CSV they stand in one cell with ``;`` between them. Raises InputError for anything but a list of text.
    """
    if "labels" not in fields:
        return []
    value = fields["labels"]
    if source.format == "csv":
        value = cut_labels(value)
    if not isinstance(value, list):
        raise source.error(f"must be a list of text, not {kind_of(value)}", number, "labels", _HINT)
    for label in value:
        if problem := problem_of_label(label):
            raise source.error(problem, number, "labels", _HINT)
    return tidy_labels(value)


def cut_labels(text: str) -> list[str]:
    """The labels in ``hr; finance``."""
    return [label.strip() for label in text.split(SEPARATOR) if label.strip()]


def problem_of_label(label: object) -> str | None:
    """Why ``label`` is none, in words; None when it is one.

    Commas, semicolons and line breaks stand between labels in one format or another, so they cannot stand in one.
    """
    if not isinstance(label, str):
        return f"must hold text only, not {kind_of(label)}"
    if not label.strip():
        return "holds an empty label"
    if any(mark in ",;" or unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") for mark in label.strip()):
        return f"holds the label {label!r}: a label has no comma, semicolon, line break or control character"
    return None


def tidy_labels(labels: list[str]) -> list[str]:
    """Labels without blanks around them, in one spelling of Unicode (NFC), sorted, each once. Case matters."""
    return sorted({unicodedata.normalize("NFC", label.strip()) for label in labels})
