"""What every store of vectors keeps to, see ``retrieval.stores.vector_store``."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.retrieval.access import UNRESTRICTED, Principal, Unrestricted, label_sets_of
from wbrag_pipeline.retrieval.index_ids import IndexIds
from wbrag_pipeline.retrieval.protocols import Positions, Vectors
from wbrag_pipeline.retrieval.stores.vector_store import StoreBackend, VectorStore
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.testing.conformance import made_once
from wbrag_pipeline.testing.version_conformance import VersionConformance

_ROWS, _WIDTH = 600, 12
_COPIES = range(40, 75)  # rows that are row 3 again
_RARE = range(0, _ROWS, 97)
_LABELS: list[list[str]] = [["hr"] if row in _RARE else ["it", "ops"][: row % 3] for row in range(_ROWS)]
_READERS: tuple[Principal, ...] = (
    UNRESTRICTED,
    frozenset(),
    frozenset({"hr"}),
    frozenset({"it"}),
    frozenset({"hr", "it", "ops"}),
)


def _drawn(rows: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(rows, _WIDTH)).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _passages() -> Vectors:
    vectors = _drawn(_ROWS, seed=5)
    vectors[list(_COPIES)] = vectors[3]
    vectors[5] = np.float32(1e-42)  # what is nearly nothing is not nothing
    vectors[6] = 0
    return vectors


class StoreConformance(VersionConformance):
    """Subclass it and write ``make``.

    kind: of index, as the setting names it.
    approximate: True where the store may overlook a near vector. What it gives must be right then, but not complete.
    """

    approximate = False
    kind = "flat"

    def make(self) -> StoreBackend:
        """The backend. It is made once for all checks but those of opening again, which make it twice."""
        raise NotImplementedError

    @property
    def backend(self) -> StoreBackend:
        """What ``make`` gave."""
        backend: StoreBackend = made_once(type(self))
        return backend

    @property
    def own_kind(self) -> str:
        """The store's name for the kind."""
        return self.backend.kind_of(self.kind, _ROWS, _WIDTH)

    def test_kinds_of_index(self) -> None:
        """``auto`` is one that it has, and what it does not have is an InputError."""
        auto = self.backend.kind_of("auto", 10, _WIDTH)
        self._check(self.backend.kind_of(auto, 10, _WIDTH) == auto, f"auto gives {auto}, which is no kind of its own")
        try:
            self.backend.kind_of("no such kind", 10, _WIDTH)
        except InputError:
            return
        raise AssertionError("a kind that there is not is taken")

    def test_vectors_are_kept(self) -> None:
        """To the last bit where the store is exact, at their positions, in whichever order they are asked for."""
        with self._collection(_passages()) as store:
            self._check(len(store) == _ROWS, f"it has {len(store)} vectors of {_ROWS}")
            self._check(store.dimension == _WIDTH, f"its vectors have {store.dimension} numbers, not {_WIDTH}")
            asked = np.array([7, 0, _ROWS - 1, 7, *range(300, 320)])
            found, written = store.vectors_at(asked), _passages()[asked]
            self._check(found.shape == written.shape, f"{len(asked)} positions give the shape {found.shape}")
            if store.keeps_vectors:
                self._check(
                    found.tobytes() == written.tobytes(), "`keeps_vectors` is said, and a vector comes back changed"
                )
            self._check(store.vectors_at(asked[:0]).shape == (0, _WIDTH), "no position gives no [0, dimension]")

    def test_the_nearest_come_first_and_equal_ones_in_the_order_of_adding(self) -> None:
        """As computed here from the vectors, also for the last places, where copies are cut off."""
        passages, queries = _passages(), np.concatenate([_passages()[[3, 9]], _drawn(8, seed=6)])
        with self._collection(passages) as store:
            index = self._index(store)
            for top_k in (1, 5, 30, _ROWS + 10):
                scores, positions = index.search(queries, top_k)
                self._right(passages, queries, scores, positions, np.ones(_ROWS, dtype=np.bool_), top_k)

    def test_a_query_finds_the_same_alone_and_among_many(self) -> None:
        """To the last bit of the score."""
        queries = _drawn(33, seed=7)
        with self._collection(_passages()) as store:
            index = self._index(store)
            scores, positions = index.search(queries, 7)
            for row in (0, 16, 32):
                alone = index.search(queries[row : row + 1], 7)
                same = np.array_equal(alone[1][0], positions[row]) and alone[0][0].tobytes() == scores[row].tobytes()
                self._check(same, f"query {row} of 33 finds something else alone")
            self._check(index.search(queries[:0], 7)[1].shape == (0, 7), "no query gives no [0, K]")

    def test_labels_are_filtered_inside_the_search(self) -> None:
        """As many come back as the reader may see, up to K, and never another."""
        passages, queries = _passages(), _drawn(6, seed=8)
        with self._collection(passages, _LABELS) as store:
            index = self._index(store, _LABELS)
            for reader in _READERS:
                seen = np.array([isinstance(reader, Unrestricted) or set(marks) <= reader for marks in _LABELS])
                scores, positions = index.search(queries, 9, reader)
                self._right(passages, queries, scores, positions, seen, 9)

    def test_a_reader_who_may_see_nothing_finds_nothing(self) -> None:
        """Where every passage has a label that he lacks."""
        labels = [["hr"]] * _ROWS
        with self._collection(_passages(), labels) as store:
            found = self._index(store, labels).search(_drawn(2, seed=9), 5, frozenset({"it"}))[1]
            self._check(found.shape == (2, 0), f"he finds {found.tolist()}")

    def test_an_empty_collection_is_one(self) -> None:
        """It is made, opened, searched and dropped."""
        with self._collection(_passages()[:0]) as store:
            self._check(len(store) == 0, f"it has {len(store)} vectors")
            found = self._index(store, []).search(_drawn(2, seed=9), 5)[1]
            self._check(found.shape == (2, 0), f"it finds {found.tolist()}")

    def test_what_was_written_is_there_for_another_opening(self) -> None:
        """Also by another backend, as another process has it."""
        queries = _drawn(4, seed=10)
        with self._folder() as folder:
            name = self._written(folder, _passages(), _LABELS)
            first = self._index(self.backend.open(folder, name, _WIDTH, self.own_kind), _LABELS).search(queries, 5)
            self.backend.close()
            other = self.make()
            try:
                again = self._index(other.open(folder, name, _WIDTH, self.own_kind), _LABELS).search(queries, 5)
            finally:
                other.close()
            self.backend.drop(name)
        same = np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
        self._check(same, "it finds something else")

    def test_readers_may_search_at_the_same_time(self) -> None:
        """Eight threads, each with questions of its own, find what one finds alone."""
        with self._collection(_passages(), _LABELS) as store:
            index = self._index(store, _LABELS)
            asked = [_drawn(3, seed) for seed in range(20, 52)]
            alone = [index.search(queries, 5, frozenset({"it"})) for queries in asked]
            with ThreadPoolExecutor(8) as pool:
                together = list(pool.map(lambda queries: index.search(queries, 5, frozenset({"it"})), asked))
        for one, other in zip(alone, together, strict=True):
            same = np.array_equal(one[1], other[1]) and np.array_equal(one[0], other[0])
            self._check(same, "a search finds something else while others search")

    def test_collections_are_told_apart(self) -> None:
        """Dropping one leaves the others; what is not there may be dropped."""
        few = _passages()[:60]
        with self._collection(_passages()) as store, self._folder() as folder:
            name = self._written(folder, few)
            self._check(
                len(self.backend.open(folder, name, _WIDTH, self.own_kind)) == 60, "it has the vectors of another"
            )
            self.backend.drop(name)
            self.backend.drop(name)
            self._check(store.vectors_at(np.array([11])).shape == (1, _WIDTH), "another collection went with it")

    def test_what_is_not_there_or_of_another_dimension_is_refused(self) -> None:
        """By IntegrityError, and not by an empty collection."""
        with self._folder() as folder:
            name = self._written(folder, _passages())
            with self._refused("another dimension"):
                self.backend.open(folder, name, _WIDTH + 1, self.own_kind)
            with self._folder() as empty, self._refused("what is not there"):
                self.backend.open(empty, _a_name(), _WIDTH, self.own_kind)
            self.backend.drop(name)

    def test_a_build_that_breaks_off_can_be_dropped_and_done_again(self) -> None:
        """Whatever it left: nothing, a part, a collection that nobody opens."""

        def parts() -> Iterator[Vectors]:
            yield _passages()[:300]
            raise InterruptedError

        with self._folder() as folder:
            name = _a_name()
            with suppress(InterruptedError):
                self.backend.create(
                    folder, name, Written(_WIDTH, _Parts(parts), np.zeros(_ROWS, dtype=np.int32)), self.own_kind
                )
                raise AssertionError("the error of the vectors' source is lost")
            self.backend.drop(name)
        with self._collection(_passages()) as store:
            self._check(len(store) == _ROWS, f"{len(store)} vectors of {_ROWS} after a build that broke off")

    def _right(
        self,
        passages: Vectors,
        queries: Vectors,
        scores: Vectors,
        positions: Positions,
        seen: npt.NDArray[np.bool_],
        top_k: int,
    ) -> None:
        """Compare with the scores of all that is seen, computed in float64."""
        exact = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
        exact[:, ~seen] = -np.inf
        wanted = min(top_k, int(seen.sum()))
        self._check(positions.shape == (len(queries), wanted), f"K {top_k} gives the shape {positions.shape}")
        for row, found in enumerate(positions):
            best = np.lexsort((np.arange(len(passages)), -exact[row]))[:wanted]
            if self.approximate:
                self._check(bool(seen[found[found >= 0]].all()), "something is found that the reader may not see")
                continue
            self._check(found.tolist() == best.tolist(), f"query {row} finds {found.tolist()}, not {best.tolist()}")
            off = float(np.abs(scores[row] - exact[row, best]).max(initial=0.0))
            self._check(off <= 1e-6, f"a score of query {row} is off by {off:.2g}")

    @contextmanager
    def _refused(self, what: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            return
        raise AssertionError(f"{what} is opened without an IntegrityError")

    @contextmanager
    def _collection(self, vectors: Vectors, labels: list[list[str]] | None = None) -> Iterator[VectorStore]:
        with self._folder() as folder:
            name = self._written(folder, vectors, labels)
            try:
                yield self.backend.open(folder, name, _WIDTH, self.own_kind)
            finally:
                self.backend.drop(name)

    def _written(self, folder: Path, vectors: Vectors, labels: list[list[str]] | None = None) -> str:
        name = _a_name()
        numbers = label_sets_of(_series(labels or [[]] * len(vectors))).numbers
        parts = [vectors[start : start + 256] for start in range(0, len(vectors), 256)]
        self.backend.create(folder, name, Written(_WIDTH, parts, numbers), self.own_kind)
        return name

    def _index(self, store: VectorStore, labels: list[list[str]] | None = None) -> Index:
        marked = _series(labels if labels is not None else [[]] * len(store))
        ids = pl.Series("passage_id", [str(row) for row in range(len(store))], dtype=pl.String)
        return Index(IndexIds.of(ids, marked), store)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="wbrag-") as folder:
            yield Path(folder)


class _Parts:
    """May be gone through more than once, as ``Written.parts`` must."""

    def __init__(self, parts: Callable[[], Iterator[Vectors]]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[Vectors]:
        return self._parts()


def _a_name() -> str:
    return f"wbrag_{uuid.uuid4().hex[:16]}"


def _series(labels: list[list[str]]) -> pl.Series:
    return pl.Series("labels", labels, dtype=pl.List(pl.String))
