"""The encoder ``hashing:DIMENSION``: words counted by their hashes. No model, no GPU; a baseline by words alone.

Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009), section 2: the sign keeps words that
share a place from adding up.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from wbrag_pipeline.errors import InputError
from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.storage import sha256_of_text


class HashingEncoder:
    """Texts with words in common are near to each other."""

    arithmetic = "cpu-fp32"

    def __init__(self, name: str) -> None:
        self.name, dimension = name, name.removeprefix("hashing:")
        if not dimension.isdecimal() or int(dimension) < 1:
            raise InputError(f"{dimension!r} is no dimension", field="encoder", hint="for example hashing:4096")
        self.dimension = int(dimension)
        # Raised by hand when vectors change: indexes made before are then refused, not searched wrongly.
        self.fingerprint = sha256_of_text("hashing", "1", dimension)

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of titles and texts."""
        return self.encode_queries([f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)], progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension], of length 1; zeros for a text without words."""
        vectors = np.zeros((len(questions), self.dimension), dtype=np.float32)
        for row, question in enumerate(questions):
            for word, count in Counter(re.findall(r"\w+", question.lower())).items():
                number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
                vectors[row, (number >> 1) % self.dimension] += math.sqrt(count) * (1 if number % 2 else -1)
            if progress:
                progress(1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
