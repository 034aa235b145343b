"""The page on the stored tables: every column with its type and meaning, from ``wbrag_pipeline.tables``."""

from __future__ import annotations

from docs_reference.markdown import code, table
from wbrag_pipeline.tables import ALL, Table

_INTRODUCTION = """# Tables

The stages exchange tables. Each is stored as Parquet and checked against its schema whenever it is written or read: a
missing column, an extra column, another type or a repeated key is an error. The columns in bold are the key.

The library uses [Polars](https://docs.pola.rs/) types. `String`, `Float64` and so on are their names.

"""


def page() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "\n".join(_section(found) for found in ALL)


def _section(found: Table) -> str:
    about, meanings = getattr(found, "about", ""), getattr(found, "meanings", {})
    rows = [
        (f"**{code(name)}**" if name in found.key else code(name), code(kind), meanings.get(name, ""))
        for name, kind in found.schema.items()
    ]
    return f"## {found.name}\n\n{about}\n\n{table(('column', 'type', 'meaning'), rows)}"
