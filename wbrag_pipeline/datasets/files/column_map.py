"""Names of columns that a user gives: ``question=input,answer=expected_output`` (``wbrag add … --map``)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.label_keys import label_key
from wbrag_pipeline.errors import InputError

# What can be named, and what it is called in ``Shape.columns``.
QUESTION_NAMES = {name: name for name in ("id", "question", "answers")} | {"answer": "answers"}
PASSAGE_NAMES = {name: name for name in ("id", "text", "contents", "title", "labels", "source", "date")}
_EXAMPLE = "write for example --map question=input,answer=expected_output"


@dataclass(frozen=True)
class ColumnMap:
    """Pairs (name here, name of the column in the file). A column inside objects is named with dots: ``inputs.q``."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, names: Mapping[str, str]) -> ColumnMap:
        """Read ``ours=theirs,ours=theirs``; a name with a comma in it makes its pair stand in double quotes.

        names: what can be named, with what it is called here.

        Raises InputError for anything else, and for a column of labels under another name.
        """
        pairs = dict[str, str]()
        for part in next(csv.reader([text], skipinitialspace=True), []):
            ours, mark, theirs = (piece.strip() for piece in part.partition("="))
            if not (ours and mark and theirs):
                raise InputError(f"{shown(part)} is no pair of names", field="map", hint=_EXAMPLE)
            if ours not in names:
                raise InputError(f"{shown(ours)} cannot be named", field="map", hint=f"one of {', '.join(names)}")
            if names[ours] in pairs:
                raise InputError(f"{ours} is named twice", field="map", hint=_EXAMPLE)
            if ours != "labels" and any(label_key(piece) for piece in (theirs, *theirs.split("."))):
                problem = f"{shown(theirs)} is a column of access labels, which is read as such or not at all"
                raise InputError(problem, field="map", hint=f"labels={theirs}")
            pairs[names[ours]] = theirs
        return cls(tuple(pairs.items()))

    def __str__(self) -> str:
        """As ``parse`` reads it."""
        parts = (f"{ours}={theirs}" for ours, theirs in self.pairs)
        return ",".join(f'"{part.replace(chr(34), chr(34) * 2)}"' if set(part) & {*',"'} else part for part in parts)

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def of(self, ours: str) -> str | None:
        """The column that is given for a name."""
        return dict(self.pairs).get(ours)

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the file that are read; of one inside objects the outermost too."""
        return frozenset(name for _, theirs in self.pairs for name in (theirs, theirs.split(".")[0]))


AS_IN_FILE = ColumnMap()


def with_inner(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The row with a field ``name``, which may stand inside its objects; as it is where there is none."""
    if name in fields or "." not in name:
        return fields
    value: object = fields
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return fields
        value = value[part]
    return {**fields, name: value}
