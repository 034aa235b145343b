"""Vectors of a corpus on disk, made chunk by chunk, so that no work is lost and none is done twice.

A chunk is one ``.npy`` file that appears whole or not at all. Its name is made of two hashes::

    <of the encoder, its arithmetic and the chunk's passages>-<of the file itself>.npy

The first says what it is the answer to: a chunk that is there is never encoded again, whichever run or corpus it came
from, and a changed passage changes its own chunk only. The second says that it is undamaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.progress import progress_bar
from wbrag_pipeline.retrieval.protocol import Encoder, Vectors
from wbrag_pipeline.storage import replacing, sha256_of_file, sha256_of_text

# Some 40 seconds of work for MiniLM on one core, and 6 MB of vectors: what a kill can cost, and what memory holds.
CHUNK_PASSAGES = 4096
# Chunks that are read from the corpus' file at a time: a slice of a Parquet file costs its whole row group.
_CHUNKS_PER_READ = 16
# Hexadecimal digits of each hash in a file's name: 128 bits.
_DIGITS = 32


@dataclass(frozen=True)
class StoredEmbeddings:
    """The vectors of a corpus in order. Iterating gives one memory-mapped array [rows, dimension] a chunk.

    files: the chunks' files, in the corpus' order.
    rows: vectors in all of them together.
    encoded: how many of these this call had to encode; the others were there already.
    """

    files: tuple[Path, ...]
    rows: int
    encoded: int

    def __iter__(self) -> Iterator[Vectors]:
        # One at a time and by need: a corpus of 21 million passages has more chunks than a process may open files.
        for file in self.files:
            yield _load(file)


def embed_passages(
    passages: pl.DataFrame | Path, folder: Path, encoder: Encoder, *, chunk_passages: int = CHUNK_PASSAGES
) -> StoredEmbeddings:
    """Encode a corpus into ``folder``, or go on where an earlier call was interrupted.

    passages: a frame with columns ``title`` and ``text``, or a Parquet file of one (read in parts, never as a whole).
    folder: may be shared by corpora and encoders.

    Raises IntegrityError when a chunk that is there is damaged: delete it, and it will be made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = {file.name[:_DIGITS]: file for file in sorted(folder.glob("*.npy")) if not file.name.startswith(".")}
    total = _height(passages)
    files: list[Path] = []
    encoded = 0
    with progress_bar("Encoding passages", total, unit="passage") as advance:
        for chunk in _chunks(passages, chunk_passages, total):
            titles, texts = chunk["title"].to_list(), chunk["text"].to_list()
            question = sha256_of_text(encoder.fingerprint, encoder.arithmetic, *titles, *texts)[:_DIGITS]
            if file := there.get(question):
                _verify(file, (chunk.height, encoder.dimension))
                advance(chunk.height)
            else:
                file = _write(folder, question, encoder.encode_passages(titles, texts, advance))
                there[question] = file
                encoded += chunk.height
            files.append(file)
    return StoredEmbeddings(tuple(files), total, encoded)


def _height(passages: pl.DataFrame | Path) -> int:
    if isinstance(passages, pl.DataFrame):
        return passages.height
    return int(pl.scan_parquet(passages).select(pl.len()).collect().item())


def _chunks(passages: pl.DataFrame | Path, size: int, total: int) -> Iterator[pl.DataFrame]:
    if isinstance(passages, pl.DataFrame):
        yield from passages.select("title", "text").iter_slices(size)
        return
    table = pl.scan_parquet(passages).select("title", "text")
    step = size * _CHUNKS_PER_READ
    for start in range(0, total, step):
        yield from table.slice(start, step).collect().iter_slices(size)


def _write(folder: Path, question: str, vectors: Vectors) -> Path:
    data = BytesIO()
    np.save(data, vectors, allow_pickle=False)
    answer = hashlib.sha256(data.getbuffer()).hexdigest()
    file = folder / f"{question}-{answer[:_DIGITS]}.npy"
    with replacing(file) as temporary:
        temporary.write_bytes(data.getbuffer())
    return file


def _verify(file: Path, shape: tuple[int, int]) -> None:
    if sha256_of_file(file)[:_DIGITS] != file.stem[_DIGITS + 1 :]:
        raise IntegrityError(file, "its content does not have the hash in its name; delete it, and it is made again")
    if (found := _load(file).shape) != shape:
        raise IntegrityError(file, f"holds an array {list(found)} where {list(shape)} was looked for")


def _load(file: Path) -> Vectors:
    try:
        vectors: Vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise IntegrityError(file, f"is no array of vectors: {error}") from error
    return vectors
