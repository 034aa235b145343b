"""An entry of the registry as it stands in its YAML file: lines of `key: value`, every value text."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unicodedata import category

from wbrag_pipeline.datasets.files.plain_files import text_of_file
from wbrag_pipeline.datasets.files.quoting import names_shown
from wbrag_pipeline.datasets.files.records import kind_of
from wbrag_pipeline.datasets.files.strict_yaml import BadYaml, yaml_value
from wbrag_pipeline.errors import InputError

_LARGEST = 1 << 20  # bytes


def fields_of(file: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, str]:
    """The mapping in a YAML file, every value text. A key ``name`` may repeat the file's name.

    Raises InputError that names file, line or field for anything else, and for a file without a last line break.
    """
    text = text_of_file(file, _LARGEST, follow_link=True)
    try:
        fields = yaml_value(text)
    except BadYaml as bad:
        raise InputError(f"broken YAML: {bad.problem}", file=file, line=bad.line) from None
    known = ", ".join((*required, *optional))
    if text and not text.endswith("\n"):  # half of a path can be the path of something else
        hint = "if nothing is missing, end the last line with a line break"
        raise InputError("may have been cut short", file=file, line=text.count("\n") + 1, hint=hint)
    if not isinstance(fields, dict):
        raise InputError("is not a list of `key: value` lines", file=file, hint=f"keys: {known}")
    for key, value in fields.items():
        if key not in (*required, *optional, "name"):
            raise InputError("is not a key here", file=file, field=names_shown([key]), hint=f"keys: {known}")
        if not isinstance(value, str):
            raise InputError(f"must be text, not {_shown(value)}", file=file, field=key, hint="put the value in quotes")
        if not value.isprintable() and (bad_mark := next((m for m in value if category(m) in ("Cc", "Cs")), None)):
            raise InputError(f"holds the character {bad_mark!r}, which is not text", file=file, field=key)
    for key in required:
        if not fields.get(key):
            raise InputError("is missing", file=file, field=key, hint=f"add a line `{key}: ...`")
    if fields.get("name", file.stem) != file.stem:
        problem = f"says {fields['name']!r}, but the file's name is {file.stem!r}"
        raise InputError(problem, file=file, field="name", hint="take the line out; the file's name is the name")
    return fields


def _shown(value: Any) -> str:
    return (
        str(value)
        if isinstance(value, (bool, float)) or (isinstance(value, int) and value < 10**20)
        else kind_of(value)
    )
