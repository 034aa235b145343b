"""Tables of results as files for other programs: CSV, Parquet and JSON, the same columns under the same names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from wbrag_pipeline import storage

_ENDINGS = ("csv", "parquet", "json")


def write_result_files(folder: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write each table as ``NAME.csv``, ``NAME.parquet`` and ``NAME.json`` (a list of objects) into the folder.

    Lists, such as the scores of single questions, are in the Parquet file alone. A table without rows has no file, and
    one that an earlier call left is removed: it would be read as part of this study.
    """
    for name, table in tables.items():
        if table.is_empty():
            for end in _ENDINGS:
                (folder / f"{name}.{end}").unlink(missing_ok=True)
            continue
        flat = table.select(pl.exclude(pl.List))
        with storage.replacing(folder / f"{name}.csv") as temporary:
            flat.write_csv(temporary)
        with storage.replacing(folder / f"{name}.parquet") as temporary:
            table.write_parquet(temporary)
        # A number that is infinite or none is not JSON's.
        finite = flat.with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)))
        storage.write_text(folder / f"{name}.json", finite.write_json() + "\n")
