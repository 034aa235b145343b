"""The page on the stored tables: every column with its type and meaning, from ``wbrag_pipeline.tables``."""

from __future__ import annotations

from docs_reference.markdown import code, table
from wbrag_pipeline.column_meanings import TABLES, meaning
from wbrag_pipeline.tables import ALL, Table

_INTRODUCTION = """# Tables

The stages exchange tables. Each is stored as Parquet and checked against its schema whenever it is written or read: a
missing column, an extra column, another type or a repeated key is an error. The columns of the key are in bold. The
types are those of [Polars](https://docs.pola.rs/).

"""


def page() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "\n".join(_section(found) for found in ALL)


def _section(found: Table) -> str:
    rows = [
        (f"**{code(name)}**" if name in found.key else code(name), code(kind), meaning(found.name, name))
        for name, kind in found.schema.items()
    ]
    return f"## {found.name}\n\n{TABLES[found.name]}\n\n{table(('column', 'type', 'meaning'), rows)}"
