"""What an encoder is to the rest of the package: texts in, unit vectors out.

Indexes, the knowledge base and the tests' stand-ins know an encoder by this alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

# [rows, dimension], each row of length 1 (or all zeros where a stand-in has nothing to say).
Vectors: TypeAlias = npt.NDArray[np.float32]
# Where vectors stand in an index, from 0 on.
Positions: TypeAlias = npt.NDArray[np.int64]

# Called with the number of texts that were finished since the last call.
Advance: TypeAlias = Callable[[int], object]


class VectorSpace(Protocol):
    """Whose vectors they are: what an index has to know of its encoder."""

    @property
    def name(self) -> str:
        """The setting's value, for example ``intfloat/e5-base-v2``."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def fingerprint(self) -> str:
        """Hash of what a vector means: weights, vocabulary, prefixes, truncation. Vectors of equal fingerprints
        can be searched together."""


class Encoder(VectorSpace, Protocol):
    """Turns passages and questions into vectors whose inner product is their similarity."""

    @property
    def arithmetic(self) -> str:
        """How the vectors are computed here, for example ``cpu-bf16``. Fingerprint and arithmetic together decide
        a vector to the last bit; the arithmetic alone never makes an index unusable elsewhere."""

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n passages, in order. Titles and texts are of equal length."""

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n questions, in order."""
