"""Jupyter notebooks as Markdown: text and code of their cells. What the code printed when it ran is left out."""

from __future__ import annotations

from typing import Any

from wbrag_pipeline.datasets.documents.blocks import BadDocument, code_block
from wbrag_pipeline.datasets.files.strict_json import BadJson, json_value
from wbrag_pipeline.datasets.label_keys import label_key


def markdown_of_notebook(text: str) -> tuple[str, dict[str, Any]]:
    """``(markdown, fields)``: the cells, and what the metadata say of title, date and labels.

    Raises BadDocument for what is no notebook of format 4.
    """
    try:
        notebook = json_value(text)
    except BadJson as error:
        raise BadDocument(f"is no notebook: broken JSON: {error}", "save it again with Jupyter") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        hint = "jupyter nbconvert --to notebook writes the present format"
        raise BadDocument("is no notebook of format 4: it has no list of cells", hint)
    metadata = notebook.get("metadata")
    language = _language(metadata)
    stated = {
        name: value
        for name, value in _fields(metadata).items()
        if label_key(name) is not None or (name in ("title", "date") and isinstance(value, str))
    }
    return "\n\n".join(_markdown_of_cell(cell, language) for cell in cells), stated


def _fields(metadata: object) -> dict[str, Any]:
    return metadata if isinstance(metadata, dict) else {}


def _language(metadata: object) -> str:
    info = _fields(metadata).get("language_info")
    name = info.get("name") if isinstance(info, dict) else ""
    return name if isinstance(name, str) and name.isidentifier() else ""


def _markdown_of_cell(cell: object, language: str) -> str:
    if not isinstance(cell, dict):
        raise BadDocument("is no notebook: a cell is no object", "save it again with Jupyter")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise BadDocument("is no notebook: the source of a cell is no text", "save it again with Jupyter")
    if cell.get("cell_type") != "code" or not source.strip():
        return source
    block = code_block(source, language)
    return "\n".join([block.fence, block.text, block.closing])
