"""What encoders and retrievers are to the rest of the package.

An encoder: texts in, unit vectors out. Indexes, the knowledge base and the tests' stand-ins know it by this alone.

A retriever: questions in, passages with their texts out. It is the seam for a search engine of the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from wbrag_pipeline.retrieval.access import Principal

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


@runtime_checkable
class EncodesParts(Protocol):
    """What an encoder may have beside: it takes the next part of a corpus while it works on those before."""

    def encode_parts(
        self, parts: Iterable[tuple[Sequence[str], Sequence[str]]], progress: Advance | None = None
    ) -> Iterator[Vectors]:
        """``encode_passages`` of each part's titles and texts, in order. A part is taken when there is room for it."""


@dataclass(frozen=True)
class PassageHit:
    """A passage that a retriever shows.

    id: what it calls the passage; "" where it has no ids, and the passage is then known by what it says.
    score: as the retriever has it, or None. It is never compared with the scores of another engine.
    metadata: of it ``title`` (where ``title`` is empty), ``source``, ``date`` and access ``labels`` are read. A passage
        without labels is for everybody; one whose labels cannot be read is shown to nobody.
    """

    text: str
    title: str = ""
    id: str = ""
    score: float | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@runtime_checkable
class Retriever(Protocol):
    """Finds passages by questions."""

    def search(self, queries: Sequence[str], top_k: int, *, principal: Principal) -> Sequence[Sequence[PassageHit]]:
        """At most ``top_k`` passages of each query, in order, the best first.

        principal: the access labels of the reader; or UNRESTRICTED for training and evaluation, which may see
        everything. What the reader may not see is left out of the result by the caller too; a retriever that leaves it
        out itself gives the full ``top_k``.

        Raises RetrieverError where it cannot be asked; nothing is made up in the place of a lost answer.
        """


@runtime_checkable
class FetchesPassages(Protocol):
    """What a retriever may have beside: a refresh then asks for the sources of units by their ids."""

    def fetch(self, ids: Sequence[str]) -> Sequence[PassageHit]:
        """The passages of these ids as they are now; those that are gone are left out."""
