"""Titles and texts of passages by id, out of a Parquet file that may be larger than memory."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wbrag_pipeline.errors import IntegrityError, NotBuiltError

# Below this size of file the table is kept in memory (about 700,000 passages of 100 words); above it every look-up
# scans the file, which costs seconds for Wikipedia, and so wants many ids at a time.
_IN_MEMORY_BYTES = 256 * 1024 * 1024

_COLUMNS = ("passage_id", "title", "text")


class PassageTexts:
    """A corpus' texts; the file is read at the first look-up."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._table: pl.LazyFrame | None = None

    def of(self, ids: pl.Series) -> pl.DataFrame:
        """One row (passage_id, title, text) for each id, each once, in no order.

        Raises NotBuiltError without the file, and IntegrityError when the file lacks one of the ids.
        """
        wanted = pl.LazyFrame({"passage_id": ids.unique()})
        found = self._read().join(wanted, on="passage_id", how="semi").collect()
        if found.height != (asked := ids.n_unique()):
            raise IntegrityError(
                self.file, f"holds {found.height} of {asked} passages that the index names: they are not of one making"
            )
        return found

    def _read(self) -> pl.LazyFrame:
        if self._table is None:
            if not self.file.is_file():
                raise NotBuiltError(f"the table of passages {self.file}", "wbrag run BENCHMARK")
            small = self.file.stat().st_size <= _IN_MEMORY_BYTES
            table = pl.read_parquet(self.file, columns=list(_COLUMNS)).lazy() if small else pl.scan_parquet(self.file)
            self._table = table.select(_COLUMNS)
        return self._table
