"""Ids and access labels of an index' vectors, looked up where they lie: a file mapped into memory, never read whole.

One record batch in Arrow's file format, not compressed, so that a row is found without reading the others::

    passage_id    row i that of vector i
    labels        its label set: a number into the distinct ones, each written as one text
    by_id         positions in the order of their ids (as UTF-8 bytes), for finding one by halving
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.access import LabelSets, label_sets_of
from wbrag_pipeline.retrieval.protocols import Positions

_SCHEMA = pa.schema(
    [
        pa.field("passage_id", pa.large_string(), nullable=False),
        pa.field("labels", pa.dictionary(pa.int32(), pa.large_string()), nullable=False),
        pa.field("by_id", pa.int64(), nullable=False),
    ]
)
_OLD_SCHEMA = {"passage_id": pl.String(), "labels": pl.List(pl.String())}


class IndexIds:
    """The id and the label set of each vector, by position; may be used from many threads.

    label_sets: of the vectors. The rest is Arrow's, in memory or in a mapped file.
    """

    def __init__(self, names: pa.Array, label_sets: LabelSets, by_id: Positions) -> None:
        self._names, self.label_sets, self._by_id = names, label_sets, by_id

    @classmethod
    def of(cls, ids: pl.Series, labels: pl.Series) -> IndexIds:
        """In memory. ids: String, each once. labels: List(String), one row an id."""
        return cls(ids.to_arrow(), label_sets_of(labels), ids.arg_sort().to_numpy().astype(np.int64))

    def __len__(self) -> int:
        return len(self._names)

    def at(self, positions: Positions) -> pl.Series:
        """The ids at these positions, in their order."""
        return pl.Series("passage_id", self._names.take(pa.array(positions)), dtype=pl.String)

    def positions_of(self, ids: pl.Series) -> Positions:
        """Where each of these ids stands; -1 where it is not here."""
        there, wanted = len(self), ids.cast(pl.String).to_arrow()
        low, high = np.zeros(len(wanted), dtype=np.int64), np.full(len(wanted), there, dtype=np.int64)
        while (looking := low < high).any():
            middle = (low + high) // 2
            before = _true(pc.less(self._in_order(middle), wanted))
            low = np.where(looking & before, middle + 1, low)
            high = np.where(looking & ~before, middle, high)
        if not there:
            return np.full(len(wanted), -1, dtype=np.int64)
        found = _true(pc.equal(self._in_order(low), wanted)) & (low < there)
        return np.where(found, self._by_id[np.minimum(low, there - 1)], -1)

    def all(self) -> pl.Series:
        """Every id, read into memory."""
        return pl.Series("passage_id", self._names, dtype=pl.String)

    def write(self, file: Path) -> None:
        """Write all into a file for ``open_ids``."""
        numbers, texts = pa.array(self.label_sets.numbers), pa.array(self.label_sets.texts, pa.large_string())
        columns = [self._names, pa.DictionaryArray.from_arrays(numbers, texts), pa.array(self._by_id)]
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
            writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))

    def _in_order(self, ranks: Positions) -> pa.Array:
        """The ids at these places of the sorted list; what lies beyond its end is its last."""
        return self._names.take(pa.array(self._by_id[np.minimum(ranks, len(self) - 1)]))


def open_ids(file: Path) -> IndexIds:
    """The ids of a file that ``IndexIds.write`` wrote. It is believed: who opens it has compared its hash.

    Raises IntegrityError when it is another kind of file.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        if reader.schema != _SCHEMA or reader.num_record_batches != 1:
            raise IntegrityError(file, f"has {reader.num_record_batches} batches of {reader.schema.names}, not ids")
        names, labels, by_id = reader.get_batch(0).columns
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(file, f"cannot be read ({str(error).splitlines()[0]})") from error
    sets = LabelSets(labels.dictionary.to_pylist(), labels.indices.to_numpy())
    return IndexIds(names, sets, by_id.to_numpy())


def read_old_ids(file: Path) -> IndexIds:
    """The ids of an index of format 2, as a Parquet file, read into memory. Raises IntegrityError as ``open_ids``."""
    try:
        found = pl.from_arrow(pq.read_table(file))
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(file, f"cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(found, pl.DataFrame) or dict(found.schema) != _OLD_SCHEMA or found["labels"].null_count():
        raise IntegrityError(file, "has other columns than ids with labels")
    return IndexIds.of(found["passage_id"], found["labels"])


def _true(answers: pa.Array) -> npt.NDArray[np.bool_]:
    """Answers of Arrow's as an array; of nothing, no."""
    told: npt.NDArray[np.bool_] = answers.fill_null(False).to_numpy(zero_copy_only=False)
    return told
