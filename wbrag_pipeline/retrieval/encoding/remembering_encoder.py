"""An encoder that encodes no text twice in its life: for experiments, which ask the same questions many times over."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from wbrag_pipeline.retrieval.protocols import Advance, Encoder, Vectors

Text = TypeVar("Text", bound=Hashable)


class RememberingEncoder:
    """Wraps an ``Encoder`` and keeps every vector in memory; a vector does not depend on what it was encoded with.

    Not for a corpus: a hundred thousand texts of 384 numbers are 150 MB.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dimension = encoder.name, encoder.dimension
        self.fingerprint, self.arithmetic = encoder.fingerprint, encoder.arithmetic
        self._passages: dict[tuple[str, str], Vectors] = {}
        self._queries: dict[str, Vectors] = {}

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n passages, in order."""

        def encode(new: list[tuple[str, str]], advance: Advance | None) -> Vectors:
            return self._encoder.encode_passages([title for title, _ in new], [text for _, text in new], advance)

        return self._recall(self._passages, list(zip(titles, texts, strict=True)), encode, progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n questions, in order."""
        return self._recall(self._queries, list(questions), self._encoder.encode_queries, progress)

    def _recall(
        self,
        known: dict[Text, Vectors],
        wanted: list[Text],
        encode: Callable[[list[Text], Advance | None], Vectors],
        progress: Advance | None,
    ) -> Vectors:
        new = [text for text in dict.fromkeys(wanted) if text not in known]
        if progress:
            progress(len(wanted) - len(new))
        if new:
            known.update(zip(new, encode(new, progress), strict=True))
        return np.array([known[text] for text in wanted], dtype=np.float32).reshape(len(wanted), self.dimension)
