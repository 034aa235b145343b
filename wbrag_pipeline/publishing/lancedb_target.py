"""A table of LanceDB: ``lancedb:/FOLDER#TABLE``, or ``lancedb:s3://BUCKET/FOLDER#TABLE``.

Marks are columns of their own (``wbrag_release`` and the others), null in every other row. ``--create`` adds them to a
table that has none.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.publishing.library_shapes import TEXT_NAMES, llama_index_node
from wbrag_pipeline.publishing.published_rows import (
    BENCHMARK,
    HOME,
    IDENTITY,
    LABELS,
    RELEASE,
    SOURCES,
    UNIT,
    UnitRows,
    held_frame,
    other_dimensions,
    passage_text,
)
from wbrag_pipeline.publishing.target_address import TargetAddress
from wbrag_pipeline.publishing.target_columns import TargetColumns
from wbrag_pipeline.store_address import load_lancedb

_AT_ONCE = 500


class LanceTarget:
    """A ``UnitTarget``."""

    keeps = (
        "the rows are deleted; earlier versions of the table hold them until they are removed: "
        "table.optimize(cleanup_older_than=timedelta(0))"
    )

    def __init__(self, address: TargetAddress, columns: TargetColumns) -> None:
        load_lancedb()
        self._address, self._given, self._name = address, columns, address.name
        # Connecting makes the folder.
        missing = address.folder is not None and not address.folder.is_dir()
        self._table: Any = None if missing else self._opened()
        self.columns = self._recognised() if self._table is not None else columns

    @property
    def there(self) -> bool:
        """Whether the table is."""
        return self._table is not None

    def lacks(self, rows: UnitRows) -> list[str]:
        """The table, or the columns for marks."""
        if self._table is None:
            return [f"the table {self._name}, with vectors of {rows.dimension} dimensions"]
        dimension = self._field(self.columns.vector).type.list_size
        if dimension != rows.dimension:
            raise other_dimensions(rows, self._name, dimension)
        self._filled(rows)
        missing = [field.name for field in _marks_schema() if field.name not in self._table.schema.names]
        return [f"the columns {', '.join(missing)} of {self._name}, null in every other row"] if missing else []

    def make(self, rows: UnitRows) -> None:
        """A table of id, text, vector and marks; or the columns for marks."""
        import pyarrow as pa

        if self._table is None:
            own = [
                pa.field("id", pa.string()),
                pa.field("text", pa.string()),
                pa.field("vector", pa.list_(pa.float32(), rows.dimension)),
            ]
            self._table = self._connected().create_table(self._name, schema=pa.schema([*own, *_marks_schema()]))
            self.columns = self._recognised()
        else:
            missing = [field for field in _marks_schema() if field.name not in self._table.schema.names]
            self._table.add_columns(pa.schema(missing))

    def write(self, rows: UnitRows) -> None:
        """In one version of the table."""
        if len(rows):
            upsert = self._table.merge_insert(list(IDENTITY)).when_matched_update_all().when_not_matched_insert_all()
            upsert.execute(self._filled(rows))

    def held(self, benchmark: str) -> pl.DataFrame:
        """Read from the columns for marks."""
        if self._table is None or any(mark not in self._table.schema.names for mark in IDENTITY):
            return held_frame([])
        ours = self._table.search().where(f"{BENCHMARK} = {_quoted(benchmark)}").select(list(IDENTITY))
        return held_frame(ours.limit(None).to_arrow().select(list(IDENTITY)).to_pylist())

    def remove(self, held: pl.DataFrame) -> None:
        """Where all four marks are the same."""
        for (home, benchmark, release), rows in held.group_by(HOME, BENCHMARK, RELEASE, maintain_order=True):
            same = f"{HOME} = {_quoted(home)} AND {BENCHMARK} = {_quoted(benchmark)} AND {RELEASE} = {_quoted(release)}"
            for part in rows.iter_slices(_AT_ONCE):
                self._table.delete(f"{same} AND {UNIT} IN ({', '.join(map(_quoted, part[UNIT]))})")

    def close(self) -> None:
        """Nothing is held open."""

    def _connected(self) -> Any:
        return load_lancedb().connect(self._address.place)

    def _opened(self) -> Any:
        try:
            return self._connected().open_table(self._name)
        except (ValueError, FileNotFoundError) as error:
            if "not found" in str(error).lower():
                return None
            raise

    def _recognised(self) -> TargetColumns:
        import pyarrow as pa

        schema, given = self._table.schema, self._given
        for field, named in vars(given).items():
            if named and named not in schema.names:
                raise InputError(
                    f"{self._name!r} has no column {named!r} for {field}",
                    field="--columns",
                    hint=f"it has {', '.join(schema.names)}",
                )
        vectors = [field.name for field in schema if pa.types.is_fixed_size_list(field.type)]
        texts = [field.name for field in schema if _is_text(field.type) and field.name not in IDENTITY]
        text = given.text or next((name for name in TEXT_NAMES if name in texts), "")
        vector = given.vector or (vectors[0] if len(vectors) == 1 else "vector" if "vector" in vectors else "")
        for name, column, fitting in (("text", text, texts), ("vector", vector, vectors)):
            if column not in fitting:
                raise InputError(
                    f"it cannot be told which column of {self._name!r} holds the {name}",
                    field="--columns",
                    hint=f"say which: --columns {name}=COLUMN; there are {', '.join(fitting) or 'none of its type'}",
                )
        return TargetColumns(
            id=given.id or ("id" if "id" in texts else ""),
            title=given.title or ("title" if "title" in texts else ""),
            text=text,
            vector=vector,
            metadata=given.metadata or ("metadata" if "metadata" in schema.names else ""),
        )

    def _filled(self, rows: UnitRows) -> Any:
        """The rows as an Arrow table with all columns of the target's; what units have nothing for is null."""
        import pyarrow as pa

        columns, marks = self.columns, rows.marks
        table = rows.table
        joined = [passage_text(*row) for row in table.select("title", "text").iter_rows()]
        texts = table["text"].to_list() if columns.title else joined
        known: dict[str, Any] = {
            columns.id: table["row_id"].to_list(),
            columns.title: table["title"].to_list(),
            columns.text: texts,
            **{mark: [row[mark] for row in marks] for mark in (*IDENTITY, SOURCES, LABELS)},
        }
        fields = list(self._table.schema)
        fields += [field for field in _marks_schema() if field.name not in self._table.schema.names]
        arrays = []
        for field in fields:
            if field.name == columns.vector:
                flat = pa.array(rows.vectors.ravel()).cast(field.type.value_type)
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, field.type.list_size))
            elif field.name in known:
                arrays.append(pa.array(known[field.name], field.type))
            elif field.name == columns.metadata:
                arrays.append(_metadata(field.type, marks, table["row_id"].to_list(), texts))
            elif field.nullable:
                arrays.append(pa.nulls(len(rows), field.type))
            else:
                raise InputError(
                    f"{self._name!r} wants a value in {field.name!r}, which units have none for", field="--to"
                )
        return pa.table(arrays, schema=pa.schema(fields))

    def _field(self, name: str) -> Any:
        return self._table.schema.field(name)


def _marks_schema() -> Any:
    import pyarrow as pa

    texts = [pa.field(mark, pa.string()) for mark in IDENTITY]
    return pa.schema([*texts, *(pa.field(mark, pa.list_(pa.string())) for mark in (SOURCES, LABELS))])


def _metadata(kind: Any, marks: list[dict[str, Any]], ids: list[str], texts: list[str]) -> Any:
    """Marks as JSON text, or in those fields of a struct that have their names; LlamaIndex' node too."""
    import pyarrow as pa

    if _is_text(kind):
        return pa.array([json.dumps(row, ensure_ascii=False) for row in marks], kind)
    if not pa.types.is_struct(kind):
        return pa.nulls(len(marks), kind)
    nodes = [llama_index_node(*row) for row in zip(marks, ids, texts, strict=True)]
    named = [field for field in kind if _is_text(field.type)]
    return pa.array([{field.name: node.get(field.name) for field in named} for node in nodes], kind)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _quoted(text: Any) -> str:
    """A literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"
