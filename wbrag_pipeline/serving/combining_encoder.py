"""An encoder for many threads: who comes while it is at work waits, and all who wait are encoded together.

An encoder is one thread's at a time, and takes several questions in less time than one after the other. A vector does
not depend on what it was encoded with, so nobody can tell.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbrag_pipeline.retrieval.protocols import Advance, Encoder, Vectors

# Questions that are encoded together, unless one request alone has more: who asks little does not wait for much.
_TOGETHER = 64


@dataclass
class _Waiting:
    questions: list[str]
    vectors: Vectors | None = None
    failure: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.vectors is not None or self.failure is not None


class CombiningEncoder:
    """Wraps an ``Encoder``; its own methods may be called from many threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dimension = encoder.name, encoder.dimension
        self.fingerprint, self.arithmetic = encoder.fingerprint, encoder.arithmetic
        self._working = threading.Lock()
        self._waiting: deque[_Waiting] = deque()

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n passages, in order."""
        with self._working:
            return self._encoder.encode_passages(titles, texts, progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        """Vectors [n, dimension] of n questions, in order."""
        mine = _Waiting(list(questions))
        self._waiting.append(mine)
        with self._working:
            while not mine.is_done:  # or somebody else did it meanwhile
                self._encode(self._next())
        if progress:
            progress(len(questions))
        if mine.failure is not None or mine.vectors is None:
            raise mine.failure or RuntimeError("questions were not encoded")
        return mine.vectors

    def _next(self) -> list[_Waiting]:
        """Those who came first and have few enough questions together; only called by whoever is at work."""
        taken = [self._waiting.popleft()]
        count = len(taken[0].questions)
        while self._waiting and count + len(self._waiting[0].questions) <= _TOGETHER:
            taken.append(self._waiting.popleft())
            count += len(taken[-1].questions)
        return taken

    def _encode(self, together: list[_Waiting]) -> None:
        try:
            vectors = self._encoder.encode_queries([text for each in together for text in each.questions])
        except Exception as failure:
            if len(together) == 1:
                together[0].failure = failure
            else:
                for each in together:  # one that cannot be encoded is nobody else's failure
                    self._encode([each])
            return
        ends = np.cumsum([len(each.questions) for each in together])
        for each, end in zip(together, ends, strict=True):
            each.vectors = vectors[end - len(each.questions) : end]
