"""What a store keeps to whose collections go on from version to version, see ``retrieval.stores.versions``."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from wbrag_pipeline.errors import IntegrityError, VectorStoreError
from wbrag_pipeline.retrieval.protocols import Vectors
from wbrag_pipeline.retrieval.stores.vector_store import StoreBackend
from wbrag_pipeline.retrieval.stores.versions import NextVersion, SlotStore, VersionedBackend
from wbrag_pipeline.retrieval.stores.written import Written
from wbrag_pipeline.testing.conformance import Conformance

_WIDTH = 8
# Versions as a home numbers them: not one by one.
_FIRST, _SECOND, _THIRD, _OTHER = 7, 1_000, 20_000_000, 20_000_001


def _drawn(rows: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(rows, _WIDTH)).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


class _Version(dict[int, tuple[Vectors, int]]):
    """Slots of a version, each with its vector and the number of its label set."""

    def after(self, added: _Version, gone: Iterable[int]) -> _Version:
        left = set(gone)
        return _Version({**{slot: row for slot, row in self.items() if slot not in left}, **added})


def _rows(first: int, count: int, seed: int) -> _Version:
    return _Version({first + row: (vector, row % 3) for row, vector in enumerate(_drawn(count, seed))})


_ONE = _rows(0, 60, seed=1)
_ADDED, _GONE = _rows(60, 12, seed=2), (0, 3, 4, 59)
_TWO = _ONE.after(_ADDED, _GONE)


class VersionConformance(Conformance):
    """Part of ``StoreConformance``; skipped for a store whose collections never change."""

    approximate = False

    @property
    def backend(self) -> StoreBackend:
        """The store."""
        raise NotImplementedError

    @property
    def own_kind(self) -> str:
        """The store's name for the kind of index."""
        raise NotImplementedError

    def test_each_version_has_its_own_rows(self) -> None:
        """Whatever a later one adds and removes, also for who has it open since before."""
        with self._begun() as (backend, name):
            before = self._opened(name, _FIRST)
            backend.go_on(name, _FIRST, _change(_SECOND, _ADDED, _GONE))
            more = _rows(72, 5, seed=3)
            backend.go_on(name, _SECOND, _change(_THIRD, more, (70, 5)))
            self._check(backend.versions(name) == {_FIRST, _SECOND, _THIRD}, f"it has {backend.versions(name)}")
            for store in (before, self._opened(name, _FIRST)):
                self._holds(store, _ONE)
            self._holds(self._opened(name, _SECOND), _TWO)
            self._holds(self._opened(name, _THIRD), _TWO.after(more, (70, 5)))

    def test_a_version_may_only_add_or_only_remove(self) -> None:
        """A change of nothing at all is one too."""
        with self._begun() as (backend, name):
            backend.go_on(name, _FIRST, _change(_SECOND, _ADDED, ()))
            backend.go_on(name, _SECOND, _change(_THIRD, _Version(), _GONE))
            backend.go_on(name, _THIRD, _change(_OTHER, _Version(), ()))
            self._holds(self._opened(name, _SECOND), _ONE.after(_ADDED, ()))
            for version in (_THIRD, _OTHER):
                self._holds(self._opened(name, version), _TWO)

    def test_a_version_that_nobody_named_is_undone(self) -> None:
        """Another goes on from the same base, in the same slots, and has nothing of it."""
        with self._begun() as (backend, name):
            backend.go_on(name, _FIRST, _change(_SECOND, _ADDED, _GONE))
            left_over = self._opened(name, _SECOND)
            other = _rows(60, 9, seed=4)
            backend.go_on(name, _FIRST, _change(_THIRD, other, (3, 10)))
            self._check(backend.versions(name) == {_FIRST, _THIRD}, f"it has {backend.versions(name)}")
            self._holds(self._opened(name, _FIRST), _ONE)
            self._holds(self._opened(name, _THIRD), _ONE.after(other, (3, 10)))
            self._let_go(name, _SECOND, left_over)

    def test_a_version_that_breaks_off_changes_nothing_and_can_be_written_again(self) -> None:
        """Whatever it wrote until then."""
        with self._begun() as (backend, name):
            change = _change(_SECOND, _ADDED, _GONE)
            broken = Written(_WIDTH, _Breaking(change.vectors.parts), change.vectors.label_sets)
            with suppress(InterruptedError):
                backend.go_on(name, _FIRST, NextVersion(_SECOND, change.first, broken, change.gone))
                raise AssertionError("the error of the vectors' source is lost")
            self._holds(self._opened(name, _FIRST), _ONE)
            backend.go_on(name, _FIRST, _change(_THIRD, _ADDED, _GONE))
            self._holds(self._opened(name, _FIRST), _ONE)
            self._holds(self._opened(name, _THIRD), _TWO)

    def test_versions_go_and_the_others_stay(self) -> None:
        """The newest, the oldest, or one between: a search of what went is an error, not a smaller result."""
        more = _rows(72, 5, seed=3)
        versions = {_FIRST: _ONE, _SECOND: _TWO, _THIRD: _TWO.after(more, (70, 5))}
        for gone in versions:
            with self._begun() as (backend, name):
                backend.go_on(name, _FIRST, _change(_SECOND, _ADDED, _GONE))
                backend.go_on(name, _SECOND, _change(_THIRD, more, (70, 5)))
                opened, kept = self._opened(name, gone), sorted(versions.keys() - {gone})
                backend.keep_versions(name, kept)
                backend.keep_versions(name, kept)
                backend.erase(name)
                self._let_go(name, gone, opened)
                for version in kept:
                    self._holds(self._opened(name, version), versions[version])
                backend.go_on(name, kept[-1], _change(_OTHER, _rows(90, 3, seed=6), (7, 8)))
                last = versions[kept[-1]].after(_rows(90, 3, seed=6), (7, 8))
                self._holds(self._opened(name, _OTHER), last)
                self._holds(self._opened(name, kept[-1]), versions[kept[-1]])

    def test_a_base_or_a_row_that_is_not_there_is_refused(self) -> None:
        """By IntegrityError, and nothing changes. A collection that is not there has no versions."""
        with self._begun() as (backend, name):
            for base, gone in ((_SECOND, ()), (_FIRST, (3, 777))):
                try:
                    backend.go_on(name, base, _change(_THIRD, _ADDED, gone))
                except IntegrityError:
                    continue
                raise AssertionError("it goes on from what there is not")
            self._holds(self._opened(name, _FIRST), _ONE)
            self._check(not backend.versions(f"{name}0"), "a collection that is not there has versions")
            backend.keep_versions(f"{name}0", [_FIRST])
            backend.erase(f"{name}0")

    @contextmanager
    def _begun(self) -> Iterator[tuple[VersionedBackend, str]]:
        backend = self.backend
        if not isinstance(backend, VersionedBackend):
            self._skip("its collections never change")
        name = f"wbrag_{uuid.uuid4().hex[:16]}"
        try:
            backend.begin(name, _change(_FIRST, _ONE, ()).vectors, self.own_kind, _FIRST)
            yield backend, name
        finally:
            backend.drop(name)

    def _opened(self, name: str, version: int) -> SlotStore:
        assert isinstance(self.backend, VersionedBackend)
        with tempfile.TemporaryDirectory(prefix="wbrag-") as folder:
            return self.backend.open_version(Path(folder), name, _WIDTH, self.own_kind, version)

    def _let_go(self, name: str, version: int, opened: SlotStore) -> None:
        """Neither can it be opened, nor searched where it was open."""
        try:
            self._opened(name, version)
        except IntegrityError:
            pass
        else:
            raise AssertionError("a version that went can be opened")
        try:
            opened.among(_drawn(1, 9), 3, None)
        except VectorStoreError:
            return
        raise AssertionError("a version that went is searched as if it were there")

    def _holds(self, store: SlotStore, version: _Version) -> None:
        """Compare with all rows of the version."""
        slots = np.array(sorted(version))
        vectors = np.stack([version[slot][0] for slot in slots.tolist()])
        self._check(len(store) == len(slots), f"it has {len(store)} rows of {len(slots)}")
        if store.keeps_vectors:
            self._check(store.vectors_at(slots).tobytes() == vectors.tobytes(), "a vector is another")
        queries = np.concatenate([_drawn(4, seed=11), _drawn(3, seed=2)])
        for sets in (None, [0, 2], [1], []):
            here = [slot for slot in slots.tolist() if sets is None or version[slot][1] in sets]
            scores, found = store.among(queries, 9, sets)
            self._check(found.shape == (len(queries), 9), f"a width of 9 gives the shape {found.shape}")
            self._check(set(found[found >= 0].tolist()) <= set(here), "a row of another version or set is found")
            if self.approximate:
                continue
            exact = queries @ vectors[np.isin(slots, here)].T
            wanted = -np.sort(-exact, axis=1)[:, :9]
            self._check(int((found >= 0).sum()) == wanted.size, "fewer rows are found than there are")
            if wanted.size:
                off = float(np.abs(-np.sort(-scores, axis=1)[:, : wanted.shape[1]] - wanted).max())
                self._check(off <= 1e-5, f"scores are off by {off:.2g}")


def _change(version: int, added: _Version, gone: Iterable[int]) -> NextVersion:
    rows = [vector for vector, _ in added.values()]
    vectors = np.stack(rows) if rows else np.zeros((0, _WIDTH), dtype=np.float32)
    sets = np.array([label_set for _, label_set in added.values()], dtype=np.int32)
    written = Written(_WIDTH, [vectors[:7], vectors[7:]], sets)
    return NextVersion(version, min(added, default=0), written, np.array([*gone], dtype=np.int64))


class _Breaking:
    """Some vectors, and then an error."""

    def __init__(self, parts: Iterable[Vectors]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[Vectors]:
        yield next(iter(self._parts))
        raise InterruptedError
