"""Who may see what: the exact best of what is visible, all of it where it exists, nothing when nobody asks."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.retrieval.conftest import CompassEncoder, passages_of, units_of
from wbrag_pipeline.errors import InputError, IntegrityError
from wbrag_pipeline.retrieval.access import UNRESTRICTED, label_sets_of, principal_with
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.knowledge_base import KnowledgeBase
from wbrag_pipeline.retrieval.vector_search import Index

LABELS = ["hr", "it", "legal"]
Marks = dict[str, tuple[float, set[str]]]


def index_of(folder: Path, marks: Marks, factory: str = "Flat") -> Index:
    compass = CompassEncoder()
    labels = pl.Series([sorted(found) for _, found in marks.values()], dtype=pl.List(pl.String))
    vectors = compass.encode_queries([str(angle) for angle, _ in marks.values()])
    build_index(vectors, list(marks), folder, compass, factory, labels=labels)
    return open_index(folder, compass)


def base_of(folder: Path, corpus: Marks, units: Marks) -> KnowledgeBase:
    passages_of({name: angle for name, (angle, _) in corpus.items()}).write_parquet(folder / "passages.parquet")
    base = KnowledgeBase(CompassEncoder(), index_of(folder / "corpus", corpus), folder / "passages.parquet")
    rows = units_of({name: angle for name, (angle, _) in units.items()}).with_columns(
        labels=pl.Series([sorted(found) for _, found in units.values()], dtype=pl.List(pl.String))
    )
    return base.with_writeback(rows, index_of(folder / "units", units))


marked = st.tuples(st.integers(0, 359).map(float), st.sets(st.sampled_from(LABELS)))
layers = st.lists(marked, max_size=40)


@given(layers, layers, st.sets(st.sampled_from(LABELS)), st.lists(st.integers(0, 359), max_size=3), st.integers(1, 9))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_search_gives_the_exact_best_of_what_is_visible(
    tmp_path_factory: pytest.TempPathFactory,
    corpus: list[tuple[float, set[str]]],
    units: list[tuple[float, set[str]]],
    reader: set[str],
    asked: list[int],
    top_k: int,
) -> None:
    passages = {f"p{i:02}": row for i, row in enumerate(corpus)}
    written = {f"u{i:02}": row for i, row in enumerate(units)}
    base = base_of(tmp_path_factory.mktemp("base"), passages, written)
    hits = base.search([str(angle) for angle in asked], top_k, labels=reader)

    compass = base.encoder
    visible = [(name, angle) for name, (angle, marks) in {**passages, **written}.items() if marks <= reader]
    vectors = compass.encode_passages([name for name, _ in visible], [str(angle) for _, angle in visible])
    for query, angle in enumerate(asked):
        scores = vectors.astype(np.float64) @ compass.encode_queries([str(angle)])[0].astype(np.float64)
        best = sorted(zip(-scores.astype(np.float32), [name for name, _ in visible], strict=True))[:top_k]
        found = hits.filter(query=query).sort("rank")
        assert found["passage_id"].to_list() == [name for _, name in best]
        assert found["score"].to_list() == pytest.approx([-score for score, _ in best])


@pytest.mark.parametrize("factory", ["Flat", "IVF16,Flat", "HNSW8", "PCA4,IVF8,Flat", "IVF8,SQ8"])
@pytest.mark.parametrize("few", [0, 1_000_000], ids=["filtered", "all looked at"])
def test_as_many_come_back_as_are_visible(
    tmp_path: Path, factory: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wbrag_pipeline.retrieval.stores.faiss_store._FEW_VISIBLE", few)
    wide = CompassEncoder()
    wide.dimension = 16
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(1500, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rare = rng.choice(1500, size=12, replace=False)
    labels = [["hr"] if i in rare else ["it", "ops"][: 1 + i % 2] for i in range(1500)]
    ids = [str(i) for i in range(1500)]
    build_index(vectors, ids, tmp_path / "i", wide, factory, labels=pl.Series(labels, dtype=pl.List(pl.String)))
    index = open_index(tmp_path / "i", wide)
    scores, positions = index.search(vectors[:20], 10, frozenset({"hr"}))
    assert positions.shape == (20, 10) and set(positions.ravel()) <= set(rare)
    assert all(len(set(row)) == 10 for row in positions)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert index.search(vectors[:3], 50, frozenset({"hr"}))[1].shape == (3, 12)
    assert index.search(vectors[:3], 5, frozenset())[1].shape == (3, 0)
    if factory == "Flat" or (few and factory in ("IVF16,Flat", "HNSW8")):
        best = np.sort(vectors[:20] @ vectors[rare].T, axis=1)[:, ::-1][:, :10]
        assert np.allclose(scores, best, atol=1e-5)


def test_a_kind_of_index_that_cannot_be_filtered_is_refused(tmp_path: Path) -> None:
    wide = CompassEncoder()
    wide.dimension = 16
    vectors = np.eye(16, dtype=np.float32)
    labels = pl.Series([["hr"] if i < 4 else [] for i in range(16)], dtype=pl.List(pl.String))
    build_index(vectors, [str(i) for i in range(16)], tmp_path / "i", wide, "PQ4x4np", labels=labels)
    index = open_index(tmp_path / "i", wide)
    with pytest.raises(InputError, match="cannot search IndexPQ by labels"):
        index.search(vectors, 2, frozenset())


CORPUS: Marks = {"open": (0.0, set()), "hr": (10.0, {"hr"}), "both": (20.0, {"hr", "it"})}
UNITS: Marks = {"u": (5.0, {"it"})}


def test_who_does_not_say_who_reads_is_refused(tmp_path: Path) -> None:
    base = base_of(tmp_path, CORPUS, UNITS)
    for view in (base, base.without_writeback()):
        with pytest.raises(InputError, match="who reads"):
            view.search(["0"], 5)
    assert base.search(["0"], 5, labels=[])["passage_id"].to_list() == ["open"]
    assert base.unrestricted().search(["0"], 5)["passage_id"].to_list() == ["open", "u", "hr", "both"]


def test_one_labelled_unit_is_enough_to_refuse(tmp_path: Path) -> None:
    base = base_of(tmp_path, {"open": (0.0, set())}, UNITS)
    with pytest.raises(InputError, match="who reads"):
        base.search(["0"], 5)
    assert base.without_writeback().search(["0"], 5)["passage_id"].to_list() == ["open"]


def test_a_view_keeps_its_reader(tmp_path: Path) -> None:
    base = base_of(tmp_path, CORPUS, UNITS)
    view = base.for_reader(["hr"])
    assert view.search(["0"], 5)["passage_id"].to_list() == ["open", "hr"]
    assert view.without_writeback().search(["0"], 5)["passage_id"].to_list() == ["open", "hr"]
    with pytest.raises(ValueError, match="has its reader"):
        view.search(["0"], 5, labels=["it"])
    assert base.reader is None


def test_labels_are_a_collection_and_blanks_are_none() -> None:
    assert principal_with([" hr ", ""]) == frozenset({"hr"})
    with pytest.raises(TypeError, match="not the text 'hr'"):
        principal_with("hr")


def test_units_whose_labels_are_not_those_of_their_index_are_refused(tmp_path: Path) -> None:
    base = base_of(tmp_path, CORPUS, {})
    with pytest.raises(IntegrityError, match="access labels"):
        base.with_writeback(units_of({"u": 5.0}), index_of(tmp_path / "other", UNITS))


def test_label_sets_are_told_apart() -> None:
    labels = pl.Series([[], ["a"], ["b", "a"], ["a", "b"], ["ab"]], dtype=pl.List(pl.String))
    sets = label_sets_of(labels)
    assert sets.lists().to_list() == labels.list.sort().to_list()
    seen = sets.visible_to(frozenset({"a", "b"}))
    assert seen is not None and seen.bits.tolist() == [0b01111]
    assert seen.holds(np.array([4, 0, 2, 4])).tolist() == [False, True, True, False]
    assert (seen.count, seen.sets) == (4, sorted({*sets.numbers.tolist()} - {sets.numbers[4]}))
    assert sets.visible_to(frozenset({"a", "b", "ab"})) is None and sets.visible_to(UNRESTRICTED) is None
    assert sets.any and not label_sets_of(pl.Series([[]], dtype=pl.List(pl.String))).any


@given(st.lists(st.integers(0, 3), max_size=70), st.sets(st.sampled_from("abc")))
def test_what_is_looked_at_in_parts_is_the_same(drawn: list[int], reader: set[str]) -> None:
    labels = [[], ["a"], ["a", "b"], ["c"]]
    sets = label_sets_of(pl.Series([labels[number] for number in drawn], dtype=pl.List(pl.String)))
    expected = [set(labels[number]) <= reader for number in drawn]
    with mock.patch("wbrag_pipeline.retrieval.access._AT_ONCE", 16):
        seen = sets.visible_to(frozenset(reader))
    if seen is None:
        assert all(expected)
        return
    assert np.unpackbits(seen.bits, count=len(drawn), bitorder="little").astype(bool).tolist() == expected
    assert seen.holds(np.arange(len(drawn))).tolist() == expected and seen.count == sum(expected)
