"""Vectors of passages on disk, addressed by what the passages say, so that nothing is ever encoded twice.

::

    indexes/embeddings/<of the encoder and its arithmetic>/<segment>/     see ``segments``

A passage is looked up by its content hash. Where it stands in its corpus, under which id, and in which corpus makes
no difference: a passage put in at the top, moved or relabelled costs nothing, a changed one costs itself. What is not
there is encoded and added as new segments, one for each few thousand passages, so a killed run keeps what it had.
Segments never change; ``compaction`` merges small ones and drops what no corpus holds any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.encoding.segments import VectorSegment, segment_rows, segments_in, write_segment
from wbrag_pipeline.retrieval.protocols import Encoder, EncodesParts, Positions, Vectors
from wbrag_pipeline.storage import locked, sha256_of_text

# Some 40 seconds of work for MiniLM on one core, and 6 MB of vectors: what a kill can cost, and what memory holds.
SEGMENT_PASSAGES = 4096
# Segments' worth of passages that are read from the corpus' file at a time: a slice of a Parquet file costs its whole
# row group.
_SEGMENTS_PER_READ = 16
# Segments that are open at the same time, 6 MB each: what has been read of one is mapped until it is closed.
_OPEN_SEGMENTS = 32


@dataclass(frozen=True)
class StoredEmbeddings:
    """The vectors of a corpus in order. Iterating gives arrays [rows, dimension], some thousand rows each.

    encoded: how many passages this call had to encode; the others' vectors were there already.
    """

    dimension: int
    encoded: int
    _segments: tuple[VectorSegment, ...]
    _places: pl.DataFrame  # columns segment and row, one row a passage, in the corpus' order

    @property
    def rows(self) -> int:
        """Vectors in all."""
        return self._places.height

    def __iter__(self) -> Iterator[Vectors]:
        opened: dict[int, Vectors] = {}
        for block in self._places.iter_slices(SEGMENT_PASSAGES):
            vectors = np.empty((block.height, self.dimension), dtype=np.float32)
            segment, row = block["segment"].to_numpy(), block["row"].to_numpy()
            for number in np.unique(segment).tolist():
                if number not in opened:
                    if len(opened) == _OPEN_SEGMENTS:
                        opened.clear()
                    opened[number] = self._segments[number].vectors()
                here = segment == number
                vectors[here] = opened[number][row[here]]
            yield vectors


@contextmanager
def embeddings_of(
    passages: pl.DataFrame | Path, folder: Path, encoder: Encoder, *, segment_passages: int = SEGMENT_PASSAGES
) -> Iterator[StoredEmbeddings]:
    """Encode what ``folder`` does not know yet of a corpus, and give the vectors of all of it.

    passages: PASSAGES, or its Parquet file (read in parts, never as a whole).
    folder: may be shared by corpora and encoders.

    Nobody compacts the store while the block runs. Raises IntegrityError when a segment that is there is damaged:
    delete it, and it is made again.
    """
    home = store_of(folder, encoder)
    home.mkdir(parents=True, exist_ok=True)
    with locked(folder, shared=True):
        table = passages.lazy() if isinstance(passages, pl.DataFrame) else pl.scan_parquet(passages)
        wanted = table.select("content_hash").collect()
        missing = _missing(wanted, segments_in(home))
        if len(missing):
            _encode(table, wanted.height, missing, home, encoder, segment_passages)
        segments = tuple(segments_in(home))
        known = segment_rows(segments).unique("content_hash", keep="first", maintain_order=True)
        places = wanted.join(known, on="content_hash", how="left", maintain_order="left")
        # Only what this corpus takes its vectors from has to be whole.
        for number in places["segment"].unique().sort().to_list():
            segments[number].verify(encoder.dimension)
        yield StoredEmbeddings(encoder.dimension, len(missing), segments, places.select("segment", "row"))


def store_of(folder: Path, encoder: Encoder) -> Path:
    """Where the segments of one encoder and one arithmetic lie: vectors of another are not these to the last bit."""
    return folder / sha256_of_text(encoder.fingerprint, encoder.arithmetic)[:32]


def _missing(wanted: pl.DataFrame, segments: list[VectorSegment]) -> Positions:
    """Positions of the passages that have no vector yet, in order; the first one of each content."""
    rows = wanted.with_row_index("position").join(segment_rows(segments), on="content_hash", how="anti")
    return rows.unique("content_hash", keep="first")["position"].sort().to_numpy().astype(np.int64)


def _encode(table: pl.LazyFrame, total: int, missing: Positions, folder: Path, encoder: Encoder, size: int) -> None:
    """Write the vectors of the passages at these positions, in the corpus' order, a segment at a time."""
    sent: deque[pl.Series] = deque()  # the hashes of parts whose vectors are on their way

    def parts() -> Iterator[tuple[Sequence[str], Sequence[str]]]:
        for part in _parts(table, total, missing, size):
            sent.append(part["content_hash"])
            yield part["title"].to_list(), part["text"].to_list()

    with progress_bar("Encoding passages", len(missing), unit="passage") as advance:
        if isinstance(encoder, EncodesParts):
            found = encoder.encode_parts(parts(), advance)
        else:
            found = (encoder.encode_passages(titles, texts, advance) for titles, texts in parts())
        for vectors in found:
            write_segment(folder, sent.popleft(), vectors)


def _parts(table: pl.LazyFrame, total: int, missing: Positions, size: int) -> Iterator[pl.DataFrame]:
    """The passages at these positions, in the corpus' order, ``size`` at a time. What holds none is not read."""
    waiting = pl.Schema({"content_hash": pl.String(), "title": pl.String(), "text": pl.String()}).to_frame()
    for start in range(0, total, step := size * _SEGMENTS_PER_READ):
        first, last = np.searchsorted(missing, (start, start + step))
        if first < last:
            part = table.slice(start, step).select(waiting.columns).collect()
            waiting = pl.concat([waiting, part[missing[first:last] - start]])
        while waiting.height >= size or (last == len(missing) and waiting.height):
            yield waiting.head(size)
            waiting = waiting.slice(size)
