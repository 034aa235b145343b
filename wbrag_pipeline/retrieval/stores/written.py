"""Vectors on their way into a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.retrieval.stores.recall import RecallSample, recall_sample

LabelSetNumbers: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Written:
    """Vectors in the order of their positions.

    parts: arrays [rows, dimension]; may be gone through more than once.
    label_sets: [vectors], the number of each vector's set of access labels.
    """

    dimension: int
    parts: Iterable[Vectors]
    label_sets: LabelSetNumbers

    def __len__(self) -> int:
        return len(self.label_sets)

    def blocks(self) -> Iterator[tuple[int, Vectors, LabelSetNumbers]]:
        """The parts with their first position and their label sets' numbers, until all are there."""
        start = 0
        for part in self.parts:
            yield start, part, self.label_sets[start : start + len(part)]
            start += len(part)

    @cached_property
    def sample(self) -> RecallSample:
        """What recall is measured on. All vectors are gone through twice for it."""
        return recall_sample(self.parts, len(self), self.dimension)
