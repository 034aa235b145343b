"""Vectors that are shipped with a corpus, so that its first index needs no encoding: one safetensors file.

::

    vectors    [rows, dimension], float16: rounding moves a vector of length 1 by 0.0002, bf16 products by 0.008
    hashes     [rows, 32], uint8: the content hash of each row's passage
    metadata   encoder: the fingerprint of the encoder that made them, in fp32

Only fp32 encoders take them. With native bf16 the sample is encoded in seconds, and an old machine needs minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.retrieval.encoding.embedding_store import store_of
from wbrag_pipeline.retrieval.encoding.segments import segments_in, write_segment
from wbrag_pipeline.retrieval.protocols import Encoder, Vectors
from wbrag_pipeline.storage import locked, replacing

SAMPLE_VECTORS = Path(__file__).parents[1] / "sample" / "vectors.safetensors"


def write_shipped_vectors(file: Path, hashes: pl.Series, vectors: Vectors, encoder: Encoder) -> None:
    """Write the vectors [n, dimension] of passages with these n content hashes (hexadecimal)."""
    from safetensors.numpy import save_file

    rows = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(len(hashes), -1)
    tensors: dict[str, npt.NDArray[Any]] = {"vectors": vectors.astype(np.float16), "hashes": rows}
    with replacing(file) as temporary:
        save_file(tensors, temporary, metadata={"encoder": encoder.fingerprint})


def take_shipped_vectors(file: Path, folder: Path, encoder: Encoder) -> int:
    """Put the file's vectors into the embedding store ``folder``; gives how many there were to put.

    None where the encoder is another one or computes in another arithmetic, and none where the store has vectors of
    this encoder already: what was forgotten or replaced does not come back.
    """
    from safetensors import safe_open

    if not encoder.arithmetic.endswith("fp32"):
        return 0
    home = store_of(folder, encoder)
    home.mkdir(parents=True, exist_ok=True)
    with safe_open(file, framework="numpy") as stored, locked(folder):
        if stored.metadata()["encoder"] != encoder.fingerprint or segments_in(home):
            return 0
        hashes = pl.Series("content_hash", [row.tobytes().hex() for row in stored.get_tensor("hashes")])
        write_segment(home, hashes, stored.get_tensor("vectors").astype(np.float32))
    return hashes.len()
