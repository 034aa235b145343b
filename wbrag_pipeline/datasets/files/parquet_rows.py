"""The rows of a Parquet file, some at a time: only the columns that are read here, in bounded memory.

A column of one value a million times is some bytes on disk, so rows and characters are bounded by the file's size. The
reader is Arrow's: it answers a damaged file with an error, where others end the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.files.quoting import shown
from wbrag_pipeline.datasets.files.text_lines import ALWAYS_TAKEN, MOST_EXPANSION, BadFile
from wbrag_pipeline.datasets.label_keys import label_key

_ROWS = 200  # rows that are read at the same time
_AT_ONCE = 1 << 20  # bytes of such rows that become Python objects together; of larger ones it is one after the other
_THRIFT = 64 << 20  # bytes of a footer's texts and entries of its lists
_EXPANDS = f"holds more than {MOST_EXPANSION} times its size, which no text does"


def rows_of_parquet(path: Path, columns: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield each row as a dict of all columns, in the file's order; what is not read is None.

    Read are ``columns``, in small or capital letters, and whatever may hold labels. Raises BadFile.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        limits = {"thrift_string_size_limit": _THRIFT, "thrift_container_size_limit": _THRIFT}
        with pq.ParquetFile(path, pre_buffer=False, **limits) as file:
            names = list(file.schema_arrow.names)
            if (repeated := first_repeated(names)) is not None:
                raise BadFile(f"names the column {shown(repeated)} twice")
            read = [
                field.name for field in file.schema_arrow if _wanted(field.name, columns) or _may_hold_labels(field)
            ]
            texts = [name for name in read if pa.types.is_string(file.schema_arrow.field(name).type)]
        # As numbers into a dictionary: a long text that a thousand rows share is there once.
        with pq.ParquetFile(path, pre_buffer=False, read_dictionary=texts, **limits) as file:
            most = max(ALWAYS_TAKEN, MOST_EXPANSION * path.stat().st_size)
            sizes = (file.metadata.row_group(at).total_byte_size for at in range(file.metadata.num_row_groups))
            if sum(sizes) > most or file.metadata.num_rows > most:
                raise BadFile(_EXPANDS)
            nothing, given = dict.fromkeys(names), 0
            for batch in file.iter_batches(batch_size=_ROWS, columns=read, use_threads=False):
                rows = batch.num_rows
                step = rows if batch.nbytes <= _AT_ONCE else 1
                for start in range(0, rows, max(step, 1)):
                    for row in batch.slice(start, step).to_pylist() if read else [{}] * step:
                        given += sum(len(value) for value in row.values() if isinstance(value, str))
                        if given > most:
                            raise BadFile(_EXPANDS)
                        yield nothing | row
    except BadFile:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError, MemoryError, KeyError) as error:
        problem = str(error).splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise BadFile(f"is not a readable Parquet file: {problem}") from None


def first_repeated(names: Iterable[str]) -> str | None:
    """The first name that stood there before, None where each is its own."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _wanted(name: str, columns: frozenset[str]) -> bool:
    return name in columns or name.strip().casefold() in columns


def _may_hold_labels(field: Any) -> bool:
    """Whether a column, or a part of a nested one, has the name of labels."""
    import pyarrow as pa

    waiting = [field]
    while waiting:
        inner = waiting.pop()
        if label_key(inner.name) is not None:
            return True
        kind = inner.type
        if pa.types.is_nested(kind):
            waiting += [kind.field(at) for at in range(kind.num_fields)]
    return False
