"""A segment: some passages' vectors on disk, each found by the hash of the passage's content.

A segment is a folder that appears whole or not at all and never changes::

    <hash of what is in it>/content.parquet     column content_hash, row i the passage of vector i
                            vectors.npy         [rows, dimension], float32, memory-mapped when read

The name vouches for the content: what was damaged is never taken for a vector.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.storage import replacing_directory

_CONTENT, _VECTORS = "content.parquet", "vectors.npy"
_SCHEMA = pl.Schema({"content_hash": pl.String()})
# Hexadecimal digits of a folder's name: 128 bits.
_DIGITS = 32


@dataclass(frozen=True)
class VectorSegment:
    """One segment's folder."""

    folder: Path

    def hashes(self) -> pl.Series:
        """The content hashes by row. Raises IntegrityError when the file does not hold such."""
        try:
            frame = pl.read_parquet(self.folder / _CONTENT)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise self._damage(f"{_CONTENT} cannot be read") from error
        if frame.schema != _SCHEMA:
            raise self._damage(f"{_CONTENT} has columns {dict(frame.schema)}")
        return frame["content_hash"]

    def vectors(self) -> Vectors:
        """The vectors by row, memory-mapped. Raises IntegrityError when the file is no array."""
        try:
            vectors: Vectors = np.load(self.folder / _VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._damage(f"{_VECTORS} is no array of vectors") from error
        return vectors

    def verify(self, dimension: int) -> None:
        """Raise IntegrityError unless this is what its name says, with vectors of ``dimension`` numbers."""
        hashes, vectors = self.hashes(), self.vectors()
        if vectors.shape != (len(hashes), dimension) or vectors.dtype != np.float32:
            raise self._damage(f"holds {vectors.dtype} {list(vectors.shape)}, not float32 [{len(hashes)}, {dimension}]")
        if _name(hashes, vectors) != self.folder.name:
            raise self._damage("its content does not have the hash in its name")

    def _damage(self, problem: str) -> IntegrityError:
        return IntegrityError(self.folder, f"{problem}; delete the folder, and its vectors are made again")


def segments_in(folder: Path) -> list[VectorSegment]:
    """The segments of a folder, by name."""
    return [VectorSegment(path) for path in sorted(folder.glob("[0-9a-f]*")) if len(path.name) == _DIGITS]


def segment_rows(segments: Sequence[VectorSegment]) -> pl.DataFrame:
    """Where each vector lies: columns content_hash, segment (its number here) and row. Raises as ``hashes``."""
    schema = pl.Schema({"content_hash": pl.String(), "segment": pl.UInt32(), "row": pl.UInt32()})
    found = [
        segment.hashes()
        .to_frame()
        .with_columns(pl.lit(number, pl.UInt32).alias("segment"), pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
        for number, segment in enumerate(segments)
    ]
    return pl.concat([schema.to_frame(), *found])


def write_segment(folder: Path, hashes: pl.Series, vectors: Vectors) -> VectorSegment:
    """Add a segment to ``folder``; the same hashes and vectors are the same segment, whoever writes it."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    place = folder / _name(hashes, vectors)
    with suppress(FileExistsError), replacing_directory(place) as temporary:
        hashes.rename("content_hash").to_frame().write_parquet(temporary / _CONTENT)
        np.save(temporary / _VECTORS, vectors, allow_pickle=False)
    return VectorSegment(place)


def _name(hashes: pl.Series, vectors: Vectors) -> str:
    digest = hashlib.sha256("\n".join(hashes).encode("utf-8"))
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()[:_DIGITS]
