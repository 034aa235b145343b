"""An entry of the registry as it stands in its YAML file: lines of `key: value`, every value text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from wbrag_pipeline.errors import InputError


def fields_of(file: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, str]:
    """The mapping in a YAML file, every value text. A key ``name`` may repeat the file's name.

    Raises InputError that names file, line or field for anything else, and for a file without a last line break.
    """
    try:
        text = file.read_text(encoding="utf-8")
        fields = yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 at byte {error.start}", file=file, hint="save the file as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"broken YAML: {problem}", file=file, line=mark.line + 1 if mark else None) from None
    known = ", ".join((*required, *optional))
    if text and not text.endswith("\n"):  # half of a path can be the path of something else
        hint = "if nothing is missing, end the last line with a line break"
        raise InputError("may have been cut short", file=file, line=text.count("\n") + 1, hint=hint)
    if not isinstance(fields, dict):
        raise InputError("is not a list of `key: value` lines", file=file, hint=f"keys: {known}")
    for key, value in fields.items():
        if key not in (*required, *optional, "name"):
            raise InputError("is not a key here", file=file, field=str(key), hint=f"keys: {known}")
        if not isinstance(value, str):
            raise InputError(f"must be text, not {value!r}", file=file, field=key, hint="put the value in quotes")
    for key in required:
        if not fields.get(key):
            raise InputError("is missing", file=file, field=key, hint=f"add a line `{key}: ...`")
    if fields.get("name", file.stem) != file.stem:
        problem = f"says {fields['name']!r}, but the file's name is {file.stem!r}"
        raise InputError(problem, file=file, field="name", hint="take the line out; the file's name is the name")
    return fields


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error and not a silent override."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
