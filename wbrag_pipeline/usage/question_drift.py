"""Whether the questions that are asked have moved away from those that trained.

Each question is compared with the training question that is nearest to it under the encoder (cosine). How near is usual
depends on the encoder and on how much the training questions differ, so it is read off them: each of them is compared
with the nearest of the others in the same way. A question is *far* that is less similar than nine in ten of these.
Without drift about a tenth of the questions is far; the statistic is the share that is.

A share and no mean: it can be tested with a few hundred questions, it does not count questions that came nearer
against those that went far, and each far question can be shown. Each wording counts once: a probe that asks the same
every minute is one question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.retrieval.protocols import Vectors

# Share of the training questions that is farther from the others than the border.
USUAL = 0.1
# Under so many training questions nothing is said.
FEWEST_TRAINING = 20
_BLOCK = 1024


@dataclass(frozen=True)
class QuestionDrift:
    """similarities: [asked], of each question with the nearest training question. border: what is less is far."""

    similarities: npt.NDArray[np.float32]
    border: float

    @property
    def is_far(self) -> npt.NDArray[np.bool_]:
        """Whether each question is far."""
        return self.similarities < self.border

    @property
    def far(self) -> int:
        """How many are far."""
        return int(self.is_far.sum())


def question_drift(asked: Vectors, training: Vectors) -> QuestionDrift | None:
    """The drift of questions [n, dimension] against training questions [m, dimension], each of them once.

    None where there are fewer than FEWEST_TRAINING training questions.
    """
    if len(training) < FEWEST_TRAINING:
        return None
    one, other = _unit_length(asked), _unit_length(training)
    usual = _nearest(other, other, skip_itself=True)
    # The value that a tenth lies below: one of them, so that as many are as near as it or nearer.
    border = float(np.sort(usual)[math.floor(USUAL * len(usual))])
    return QuestionDrift(_nearest(one, other), border)


def at_least(part: int, whole: int) -> float:
    """The share that ``part`` of ``whole`` shows at least: the lower end of Wilson's interval, 95 % one-sided."""
    return _wilson(part, whole, -1.0)


def at_most(part: int, whole: int) -> float:
    """The upper end of the same."""
    return _wilson(part, whole, 1.0)


def _wilson(part: int, whole: int, side: float) -> float:
    if not whole:
        return 0.0 if side < 0 else 1.0
    z = 1.6448536269514722  # of 95 %, one-sided
    share = part / whole
    spread = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    found = (share + z * z / (2 * whole) + side * spread) / (1 + z * z / whole)
    return min(1.0, max(0.0, found))


def _nearest(one: Vectors, other: Vectors, *, skip_itself: bool = False) -> npt.NDArray[np.float32]:
    """The greatest inner product of each row of ``one`` with a row of ``other``."""
    found = np.empty(len(one), dtype=np.float32)
    for start in range(0, len(one), _BLOCK):
        block = one[start : start + _BLOCK] @ other.T
        if skip_itself:
            block[np.arange(len(block)), np.arange(start, start + len(block))] = -np.inf
        found[start : start + _BLOCK] = block.max(axis=1)
    return found


def _unit_length(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
