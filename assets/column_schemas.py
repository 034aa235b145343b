"""The columns of stored tables for Dagster's catalogue, each with its type and what it means."""

from typing import Any

import dagster as dg

from wbrag_pipeline import column_meanings, tables


def column_schema(asset: str) -> dict[str, Any]:
    """Metadata of an asset that is a stored table; empty for any other."""
    table = tables.BY_NAME.get(asset)
    if table is None:
        return {}
    columns = [
        dg.TableColumn(
            name,
            type=str(kind),
            description=column_meanings.meaning(asset, name),
            constraints=dg.TableColumnConstraints(unique=table.key == (name,)),
        )
        for name, kind in table.schema.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}
