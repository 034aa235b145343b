from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.errors import InputError, IntegrityError, MissingPartError, NotBuiltError
from wbrag_pipeline.retrieval import faiss_library
from wbrag_pipeline.retrieval.faiss_library import installed_builds, load_faiss
from wbrag_pipeline.retrieval.index import RecordedSpace, build_index, open_index, read_manifest
from wbrag_pipeline.retrieval.vector_search import Index

FILES = ("index.faiss", "ids.arrow", "manifest.json")


class WideEncoder:
    """Only what an index asks of an encoder; the vectors are drawn."""

    name, dimension, fingerprint, arithmetic = "wide", 16, "f" * 64, "none"

    @staticmethod
    def draw(rows: int, seed: int = 0) -> np.ndarray[Any, Any]:
        vectors = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


wide: Any = WideEncoder()


@pytest.fixture
def built(tmp_path: Path, compass: Any) -> Path:
    """An index of a (0°), b (60°) and c (90°)."""
    build_index(compass.encode_queries(["0", "60", "90"]), ["a", "b", "c"], tmp_path / "index", compass)
    return tmp_path / "index"


def found(index: Index, positions: np.ndarray[Any, Any]) -> list[list[str]]:
    return [[index.ids[int(position)] for position in row] for row in positions]


def test_scores_worked_by_hand(built: Path, compass: Any) -> None:
    index = open_index(built, compass)
    scores, positions = index.search(compass.encode_queries(["0", "90"]), 2)
    assert found(index, positions) == [["a", "b"], ["c", "b"]]
    np.testing.assert_allclose(scores, [[1, 0.5], [1, np.sqrt(0.75)]], atol=1e-6)
    assert len(index) == 3 and scores.dtype == np.float32


def test_more_asked_than_there_are(built: Path, compass: Any) -> None:
    scores, positions = open_index(built, compass).search(compass.encode_queries(["10"]), 50)
    assert positions.tolist() == [[0, 1, 2]] and scores.shape == (1, 3)


def test_an_empty_index_finds_nothing(tmp_path: Path, compass: Any) -> None:
    build_index([], [], tmp_path / "index", compass)
    index = open_index(tmp_path / "index", compass)
    scores, positions = index.search(compass.encode_queries(["0", "1"]), 5)
    assert scores.shape == positions.shape == (2, 0) and len(index) == 0


def test_no_questions(built: Path, compass: Any) -> None:
    assert open_index(built, compass).search(compass.encode_queries([]), 2)[1].shape == (0, 2)


@pytest.mark.parametrize("copies", [3, 100, 700])
def test_equal_scores_come_in_the_order_of_adding(tmp_path: Path, compass: Any, copies: int) -> None:
    angles = ["80"] * copies + ["20"] * copies + ["80"]
    build_index(compass.encode_queries(angles), [str(i) for i in range(len(angles))], tmp_path / "i", compass)
    index = open_index(tmp_path / "i", compass)
    for questions in (["20"], ["20"] * 40):  # FAISS computes one query and many in different ways
        _, positions = index.search(compass.encode_queries(questions), copies + 2)
        assert positions[-1].tolist() == [*range(copies, 2 * copies), 0, 1]
    _, positions = index.search(compass.encode_queries(["20"]), 2)
    assert positions.tolist() == [[copies, copies + 1]]


def test_a_result_does_not_depend_on_the_other_questions(tmp_path: Path) -> None:
    vectors = wide.draw(500)
    vectors[250:] = vectors[:250]  # every vector twice
    build_index(vectors, [str(i) for i in range(500)], tmp_path / "i", wide)
    index = open_index(tmp_path / "i", wide)
    queries = wide.draw(64, seed=1)
    scores, positions = index.search(queries, 7)
    for row in range(64):
        alone_scores, alone_positions = index.search(queries[row : row + 1], 7)
        np.testing.assert_array_equal(alone_scores[0], scores[row])
        np.testing.assert_array_equal(alone_positions[0], positions[row])


def test_search_is_brute_force(tmp_path: Path) -> None:
    vectors, queries = wide.draw(3000), wide.draw(20, seed=1)
    build_index([vectors[:1000], vectors[1000:]], [str(i) for i in range(3000)], tmp_path / "i", wide)
    scores, positions = open_index(tmp_path / "i", wide).search(queries, 10)
    products = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    np.testing.assert_array_equal(positions, np.argsort(-products, axis=1, kind="stable")[:, :10])
    np.testing.assert_array_equal(scores, np.take_along_axis(products, positions, axis=1).astype(np.float32))


@pytest.mark.parametrize("factory", ["IVF8,Flat", "HNSW16", "PCA16,IVF4,Flat", "SQ8"])
def test_approximate_kinds_find_nearly_the_same(tmp_path: Path, factory: str) -> None:
    vectors = wide.draw(2000)
    parts = [vectors[:700], vectors[700:1500], vectors[1500:]]
    build_index(parts, [str(i) for i in range(2000)], tmp_path / "i", wide, factory)
    # A vector finds itself, whatever is rounded or skipped.
    _, positions = open_index(tmp_path / "i", wide).search(vectors[:100], 5)
    assert np.mean(positions[:, 0] == np.arange(100)) > 0.9
    assert read_manifest(tmp_path / "i").factory == factory


def test_fewer_found_than_asked_are_marked(tmp_path: Path) -> None:
    vectors = wide.draw(2000)
    build_index(vectors, [str(i) for i in range(2000)], tmp_path / "i", wide, "IVF200,Flat")
    scores, positions = open_index(tmp_path / "i", wide).search(vectors[:5], 1000)
    missing = positions < 0
    assert missing.any() and not missing[:, 0].any()
    np.testing.assert_array_equal(scores == -np.inf, missing)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, built: Path, compass: Any) -> None:
    build_index(compass.encode_queries(["0", "60", "90"]), ["a", "b", "c"], tmp_path / "again", compass)
    for name in FILES:
        assert (built / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@given(st.integers(1, 9), st.lists(st.integers(0, 5), max_size=5))
def test_an_exact_index_is_the_file_that_faiss_writes_and_is_never_held(dimension: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(dimension)
    parts = [rng.normal(size=(size, dimension)).astype(np.float32) for size in sizes]
    faiss, count = load_faiss(), sum(sizes)
    expected = faiss.IndexFlat(dimension, faiss.METRIC_INNER_PRODUCT)
    expected.add(np.concatenate([np.empty((0, dimension), np.float32), *parts]))
    space: Any = RecordedSpace("wide", dimension, "f" * 64)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(faiss.IndexFlat, "add", None):
        build_index(parts, [str(row) for row in range(count)], Path(folder) / "index", space)
        faiss.write_index(expected, f"{folder}/expected")
        assert (Path(folder) / "index" / "index.faiss").read_bytes() == Path(f"{folder}/expected").read_bytes()


def clustered(rows: int) -> np.ndarray[Any, Any]:
    """Vectors around 40 centres, as passages on 40 subjects are."""
    centres = WideEncoder.draw(40, seed=1)
    vectors = centres[np.arange(rows) % 40] + 0.6 * WideEncoder.draw(rows, seed=2)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_an_approximate_index_says_what_it_finds_and_is_the_same_each_time(tmp_path: Path, kind: str) -> None:
    vectors, ids = clustered(4_000), [str(i) for i in range(4_000)]
    for name in ("one", "two"):
        manifest = build_index([vectors[:1500], vectors[1500:]], ids, tmp_path / name, wide, kind)
    assert (tmp_path / "one" / "index.faiss").read_bytes() == (tmp_path / "two" / "index.faiss").read_bytes()
    assert 0.99 <= manifest.recall <= 1 and read_manifest(tmp_path / "one") == manifest
    index = open_index(tmp_path / "one", wide)
    scores, positions = index.search(vectors[:200], 10)
    exact = vectors[:200] @ vectors.T
    found = np.mean([len({*row} & {*np.argsort(-exact[i])[:10]}) / 10 for i, row in enumerate(positions.tolist())])
    assert found >= 0.97
    np.testing.assert_allclose(scores, np.take_along_axis(exact, positions, axis=1), atol=1e-6)
    assert np.array_equal(index.vectors(), vectors)


def test_no_more_lists_are_looked_at_than_the_recall_needs(tmp_path: Path) -> None:
    vectors = clustered(8_000)
    manifest = build_index(vectors, [str(i) for i in range(8_000)], tmp_path / "index", wide, "ivf")
    index = load_faiss().read_index(str(tmp_path / "index" / "index.faiss"))
    assert manifest.factory == f"IVF{index.nlist},Flat" and 8 <= index.nprobe < index.nlist


def test_auto_is_exact_until_it_is_too_slow() -> None:
    from wbrag_pipeline.retrieval.stores.faiss_store import FaissBackend

    kinds = [FaissBackend().kind_of("auto", count, 384) for count in (0, 1_000_000, 1_000_001, 21_000_000)]
    assert kinds == ["Flat", "Flat", "IVF4000,Flat", "IVF18328,Flat"]


def test_an_index_never_changes(built: Path, compass: Any) -> None:
    with pytest.raises(FileExistsError):
        build_index(compass.encode_queries(["5"]), ["z"], built, compass)
    assert open_index(built, compass).ids.to_list() == ["a", "b", "c"]
    assert sorted(file.name for file in built.iterdir()) == sorted(FILES)


def broken_parts(compass: Any) -> Callable[[], Any]:
    def parts() -> Any:
        yield compass.encode_queries(["5"])
        raise OSError("disk full")

    return parts


def test_a_failed_build_leaves_no_index(tmp_path: Path, compass: Any) -> None:
    with pytest.raises(OSError, match="disk full"):
        build_index(broken_parts(compass)(), ["y", "z"], tmp_path / "index", compass)
    with pytest.raises(NotBuiltError):
        open_index(tmp_path / "index", compass)


@pytest.mark.parametrize(
    ("vectors", "ids", "problem"),
    [
        (np.eye(2, dtype=np.float32), ["a"], "2 vectors for 1 ids"),
        (np.eye(2, dtype=np.float32), ["a", "a"], "more than once"),
        (np.eye(3, dtype=np.float32), ["a", "b", "c"], "not \\[rows, 2\\]"),
        (np.full((1, 2), np.nan, dtype=np.float32), ["a"], "not a number"),
    ],
)
def test_what_disagrees_is_not_built(tmp_path: Path, compass: Any, vectors: Any, ids: list[str], problem: str) -> None:
    with pytest.raises(IntegrityError, match=problem):
        build_index(vectors, ids, tmp_path / "index", compass)
    assert not (tmp_path / "index" / "manifest.json").exists()


def test_an_unknown_factory_is_an_input_error(tmp_path: Path, compass: Any) -> None:
    with pytest.raises(InputError, match="Nonsense"):
        build_index(np.eye(2, dtype=np.float32), ["a", "b"], tmp_path / "index", compass, "Nonsense")


def test_an_index_that_is_not_there(tmp_path: Path, compass: Any) -> None:
    with pytest.raises(NotBuiltError):
        open_index(tmp_path / "index", compass)


def test_without_its_manifest_an_index_is_not_there(built: Path, compass: Any) -> None:
    (built / "manifest.json").unlink()
    with pytest.raises(NotBuiltError):
        open_index(built, compass)


def test_another_encoder_is_refused(built: Path, other_compass: Any) -> None:
    with pytest.raises(IntegrityError, match="was made with the encoder compass"):
        open_index(built, other_compass)


def test_another_dimension_is_refused(built: Path, compass: Any) -> None:
    compass.dimension = 3
    with pytest.raises(IntegrityError, match="2 numbers, not 3"):
        open_index(built, compass)


@pytest.mark.parametrize("name", ["index.faiss", "ids.arrow"])
def test_a_changed_byte_is_refused(built: Path, compass: Any, name: str) -> None:
    data = bytearray((built / name).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (built / name).write_bytes(data)
    with pytest.raises(IntegrityError, match="sha256"):
        open_index(built, compass)


@pytest.mark.parametrize("name", ["index.faiss", "ids.arrow"])
def test_a_missing_file_is_refused(built: Path, compass: Any, name: str) -> None:
    (built / name).unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        open_index(built, compass)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "no JSON"),
        ("[]", "no manifest"),
        ('{"format": 1}', "no manifest"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_a_broken_manifest_is_refused(built: Path, compass: Any, content: str | bytes, problem: str) -> None:
    (built / "manifest.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(IntegrityError, match=problem):
        open_index(built, compass)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [("count", 4, "the manifest gives 4"), ("format", 9, "format 9"), ("dimension", "2", "no manifest")],
)
def test_a_manifest_that_lies_is_refused(built: Path, compass: Any, field: str, value: Any, problem: str) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    (built / "manifest.json").write_text(json.dumps(manifest | {field: value}))
    with pytest.raises(IntegrityError, match=problem):
        open_index(built, compass)


@pytest.mark.parametrize("damage", ["cut", "length"])
def test_faiss_is_not_believed_either(built: Path, compass: Any, damage: str) -> None:
    """A manifest can be made for any file: then FAISS itself must refuse, within the memory that the file can fill."""
    data = bytearray((built / "index.faiss").read_bytes())
    if damage == "cut":
        del data[-8:]
    else:  # the number of floats stands before them: 6 becomes 2**36
        place = len(data) - 6 * 4 - 8
        assert int.from_bytes(data[place : place + 8], "little") == 6
        data[place : place + 8] = (1 << 36).to_bytes(8, "little")
    (built / "index.faiss").write_bytes(data)
    manifest = json.loads((built / "manifest.json").read_text())
    from wbrag_pipeline.storage import sha256_of_file

    manifest["index_sha256"] = sha256_of_file(built / "index.faiss")
    (built / "manifest.json").write_text(json.dumps(manifest))
    limit = load_faiss().get_deserialization_vector_byte_limit()
    with pytest.raises(IntegrityError, match="FAISS cannot read it"):
        open_index(built, compass)
    assert load_faiss().get_deserialization_vector_byte_limit() == limit


@pytest.mark.parametrize(("shape", "top_k"), [((1, 3), 1), ((2,), 1), ((1, 2), 0)])
def test_a_wrong_call_is_refused(built: Path, compass: Any, shape: tuple[int, ...], top_k: int) -> None:
    with pytest.raises(ValueError):
        open_index(built, compass).search(np.zeros(shape, dtype=np.float32), top_k)


@pytest.mark.parametrize(
    ("builds", "words"),
    [([], "FAISS is not installed"), (["faiss-cpu", "faiss-gpu"], "faiss-cpu and faiss-gpu overwrite each other")],
)
def test_without_faiss_both_commands_are_named(monkeypatch: pytest.MonkeyPatch, builds: list[str], words: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    monkeypatch.setattr(faiss_library, "installed_builds", lambda: builds)
    load_faiss.cache_clear()
    try:
        with pytest.raises(MissingPartError, match=words) as caught:
            load_faiss()
    finally:
        load_faiss.cache_clear()
    assert "uv pip install 'wbrag-pipeline[cpu]'" in str(caught.value)
    assert "uv pip install 'wbrag-pipeline[gpu]'" in str(caught.value)


def test_one_build_is_installed_here() -> None:
    assert len(installed_builds()) == 1
