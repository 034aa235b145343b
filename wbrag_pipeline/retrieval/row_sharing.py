"""What the next state of a corpus takes over from the one before it, where both lie in one collection of a store.

A vector is decided by what its passage says, so a row is taken over by a passage that says the same and has the same
labels, whatever its id and its place in the corpus. All other rows are written, and the rows that nobody takes over
are marked as removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.retrieval.access import LabelSets, label_sets_of
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.slots import Slots
from wbrag_pipeline.retrieval.stores.versions import NextVersion, VersionedBackend, version_after
from wbrag_pipeline.retrieval.stores.written import Written

# More than this share of a state is written anew, or of a collection was written after it was made: a new one is.
_MOST_CHANGED = 0.5
# Slots of one collection: stores have 32 bits for them.
_MOST_SLOTS = 2**31 - 1


@dataclass(frozen=True)
class Sharing:
    """How a state gets into a collection that states share.

    arithmetic: of the encoder that made its vectors. version: of the collection, in which the state is.
    base: the slots of the version that it goes on from, and ``base_version``; None for the first in its collection.
    taken: [vectors], the slot of each vector that is there already, -1 for those that must be written.
    gone: slots of the base that this state does not have.
    numbers: the collection's numbers of the base's label sets, by their texts.
    """

    arithmetic: str
    version: int
    base: Slots | None = None
    base_version: int = 0
    taken: Positions = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    gone: Positions = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    numbers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def first(cls, arithmetic: str) -> Sharing:
        """For the first state in a collection."""
        return cls(arithmetic, version_after())

    def write(self, backend: VersionedBackend, name: str, vectors: Written, label_texts: list[str], kind: str) -> Slots:
        """Write what the collection has not yet; gives the slots of all vectors.

        vectors: all of the state. label_texts: what its numbers of label sets stand for.
        """
        if self.base is None:
            backend.begin(name, vectors, kind, self.version)
            every = np.arange(len(vectors))
            return Slots(every, every, tuple(range(len(label_texts))), len(vectors), len(vectors), self.arithmetic)
        numbers = dict(self.numbers)
        for text in label_texts:
            numbers.setdefault(text, max(numbers.values(), default=-1) + 1)
        label_numbers = np.array([numbers[text] for text in label_texts], dtype=np.int32)
        new = self.taken < 0
        written = Written(vectors.dimension, _Some(vectors, new), label_numbers[vectors.label_sets[new]])
        backend.go_on(name, self.base_version, NextVersion(self.version, self.base.free, written, self.gone))
        slots = self.taken.copy()
        slots[new] = self.base.free + np.arange(len(written))
        return Slots(
            slots,
            np.argsort(slots, kind="stable"),
            tuple(label_numbers.tolist()),
            self.base.begun_with,
            self.base.free + len(written),
            self.arithmetic,
        )


def taking_over(
    base: Slots, base_version: int, before: tuple[pl.Series, LabelSets], now: tuple[pl.Series, pl.Series]
) -> Sharing | None:
    """How a state goes on from the one before; None where too much has changed, and a new collection is better.

    before: content hashes and label sets of the base's vectors. now: content hashes and labels (List(String)).
    """
    numbers = dict(zip(before[1].texts, base.label_numbers, strict=True))
    sets = label_sets_of(now[1])
    there = _rows(before[0], before[1], numbers).with_columns(slot=base.of)
    wanted = _rows(now[0], sets, numbers)
    found = wanted.join(there, on=list(_ROW), how="left", maintain_order="left", nulls_equal=False)
    taken = found["slot"].fill_null(-1).to_numpy()
    gone = there.filter(~pl.col("slot").is_in(found["slot"].drop_nulls().implode()))["slot"].to_numpy()
    most = _MOST_CHANGED * len(taken)
    new, from_the_start = int(np.sum(taken < 0)), int(np.sum((taken >= 0) & (taken < base.begun_with)))
    if new + len(gone) > most or from_the_start < len(taken) - most or base.free + new > _MOST_SLOTS:
        return None
    return Sharing(base.arithmetic, version_after(base_version), base, base_version, taken, gone, numbers)


# What two passages must have in common for one row: which of several with the same content and labels, too.
_ROW = ("content_hash", "number", "nth")


def _rows(hashes: pl.Series, sets: LabelSets, numbers: Mapping[str, int]) -> pl.DataFrame:
    known = pl.Series([numbers.get(text) for text in sets.texts], dtype=pl.Int32)
    number = known.gather(sets.numbers) if len(sets.texts) else pl.Series([], dtype=pl.Int32)
    rows = pl.DataFrame([hashes.alias("content_hash"), number.alias("number")])
    return rows.with_columns(nth=pl.int_range(pl.len()).over("content_hash", "number"))


@dataclass(frozen=True)
class _Some:
    """Some of the vectors, as ``Written.parts``; those that are left out are gone through too."""

    vectors: Written
    chosen: npt.NDArray[np.bool_]

    def __iter__(self) -> Iterator[Vectors]:
        for start, part, _ in self.vectors.blocks():
            yield part[self.chosen[start : start + len(part)]]
