"""Titles and texts of passages, looked up in their Parquet file: the row groups that hold them are read, no others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from wbrag_pipeline.errors import IntegrityError, NotBuiltError
from wbrag_pipeline.retrieval.protocols import Positions

# Row groups that were read last stay in memory, up to so many bytes: some 300,000 passages of 100 words.
_KEPT_BYTES = 256 * 1024 * 1024

_COLUMNS = ["passage_id", "title", "text"]


class PassageTexts:
    """A corpus' texts; the file is opened at the first look-up. May be used from many threads.

    positions_of: the rows in which passages of given ids stand, -1 for those that are not there.
    """

    def __init__(self, file: Path, positions_of: Callable[[pl.Series], Positions]) -> None:
        self.file = file
        self._positions_of = positions_of
        self._opened: pq.ParquetFile | None = None
        self._first_rows = np.zeros(0, dtype=np.int64)  # of each row group, and after them how many rows there are
        self._groups: OrderedDict[int, pl.DataFrame] = OrderedDict()
        self._bytes = 0
        self._reading = threading.Lock()

    def of(self, ids: pl.Series) -> pl.DataFrame:
        """One row (passage_id, title, text) for each id, each once, in no order.

        Raises NotBuiltError without the file, and IntegrityError when the file is damaged or lacks one of the ids.
        """
        wanted = ids.unique()
        with self._reading:
            self._open()
            places = self._positions_of(wanted)
            places = np.sort(places[(places >= 0) & (places < self._first_rows[-1])])
            groups = np.searchsorted(self._first_rows, places, side="right") - 1
            parts = [
                self._group(number).select(pl.all().gather(places[groups == number] - self._first_rows[number]))
                for number in np.unique(groups).tolist()
            ]
        nothing = pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))
        found = pl.concat([nothing, *parts]).filter(pl.col("passage_id").is_in(wanted.implode()))
        if found.height != len(wanted):
            raise IntegrityError(
                self.file,
                f"holds {found.height} of {len(wanted)} passages that the index names: they are not of one making",
            )
        return found

    def _open(self) -> None:
        if self._opened is None:
            if not self.file.is_file():
                raise NotBuiltError(f"the table of passages {self.file}", "wbrag run BENCHMARK")
            try:
                self._opened = pq.ParquetFile(self.file, page_checksum_verification=True)
            except (pa.ArrowException, OSError) as error:
                raise self._damage(error) from error
            told = self._opened.metadata
            rows = [told.row_group(number).num_rows for number in range(told.num_row_groups)]
            self._first_rows = np.cumsum([0, *rows])

    def _group(self, number: int) -> pl.DataFrame:
        if number not in self._groups:
            assert self._opened is not None
            try:
                found = pl.DataFrame(self._opened.read_row_group(number, _COLUMNS, use_threads=False))
            except (pa.ArrowException, OSError) as error:
                raise self._damage(error) from error
            self._groups[number] = found
            self._bytes += int(found.estimated_size())
            while self._bytes > _KEPT_BYTES and len(self._groups) > 1:
                self._bytes -= int(self._groups.popitem(last=False)[1].estimated_size())
        self._groups.move_to_end(number)
        return self._groups[number]

    def _damage(self, error: Exception) -> IntegrityError:
        return IntegrityError(self.file, f"cannot be read ({str(error).splitlines()[0]})")
