"""Tables on disk, written and read some rows at a time: a corpus may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

# A look-up reads a whole row group: of passages some megabytes.
ROWS_A_GROUP = 2_048
# Some forty megabytes of passages; whole row groups.
_ROWS_AT_ONCE = 32 * ROWS_A_GROUP


def write_parquet(frame: pl.DataFrame, file: Path) -> None:
    """Writes a table as ``writing_parquet`` does."""
    with writing_parquet(file, frame.schema) as add:
        add(frame)


@contextmanager
def writing_parquet(file: Path, schema: pl.Schema) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Gives what adds rows to a table on its way to disk: the same rows in whatever parts they come are the same bytes.

    Each page has a checksum, so that ``tables.Table.read`` sees a flipped bit: Polars itself neither writes nor
    verifies such checksums, Arrow does both (Parquet format, "Checksumming"). Row groups are small, and without
    statistics, which would put the first and the last text of each into the footer, and every look-up reads the footer.
    """
    import pyarrow.parquet as pq  # a fifth of a second, which commands that only read tables need not wait for

    waiting = schema.to_frame()
    told = {"compression": "zstd", "write_page_checksum": True, "write_statistics": False}
    with pq.ParquetWriter(file, waiting.to_arrow().schema, **told) as writer:

        def add(rows: pl.DataFrame) -> None:
            nonlocal waiting
            waiting = pl.concat([waiting, rows])
            while waiting.height >= ROWS_A_GROUP:
                writer.write_table(waiting.head(ROWS_A_GROUP).to_arrow())
                waiting = waiting.slice(ROWS_A_GROUP)

        yield add
        if waiting.height:
            writer.write_table(waiting.to_arrow())


def parts_of(file: Path, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet or Arrow file in order, some at a time, or these columns of them; of no rows one part.

    Raises OSError or PolarsError where it cannot be read.
    """
    scan = pl.scan_ipc(file) if file.suffix == ".arrow" else pl.scan_parquet(file, glob=False, hive_partitioning=False)
    table = scan if columns is None else scan.select(columns)
    rows = scan.select(pl.len()).collect().item()
    for start in range(0, max(rows, 1), _ROWS_AT_ONCE):
        yield table.slice(start, _ROWS_AT_ONCE).collect()
