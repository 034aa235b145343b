"""An encoder without a model, for estimates and tests: texts with words in common are near.

A vector counts the words of a text by their hashes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.storage import sha256_of_text


class HashEncoder:
    """Implements ``retrieval.protocols.Encoder``; numpy alone, and the same on every machine."""

    arithmetic = "cpu-fp32"

    def __init__(self, dimension: int = 64) -> None:
        self.name, self.dimension = f"hash-{dimension}", dimension
        self.fingerprint = sha256_of_text("hash encoder", str(dimension))

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of titles and texts."""
        return self.encode_queries([f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)], progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension], of length 1; zeros for a text without words."""
        vectors = np.zeros((len(questions), self.dimension), dtype=np.float32)
        for row, question in enumerate(questions):
            for word in re.findall(r"\w+", question.lower()):
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big") % self.dimension
                vectors[row, place] += 1.0
            if progress:
                progress(1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
