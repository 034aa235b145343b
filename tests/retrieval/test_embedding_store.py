from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.retrieval.conftest import CompassEncoder, passages_of
from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.encoding.compaction import compact, drop_vectors
from wbrag_pipeline.retrieval.encoding.embedding_store import StoredEmbeddings, embeddings_of, store_of
from wbrag_pipeline.retrieval.encoding.segments import segments_in

ANGLES = {f"p{i}": float(i) for i in range(10)}
MakePassages = Callable[[dict[str, float]], pl.DataFrame]


def embed(passages: pl.DataFrame | Path, folder: Path, encoder: Any, size: int = 4) -> StoredEmbeddings:
    with embeddings_of(passages, folder, encoder, segment_passages=size) as stored:
        return stored


def whole(stored: StoredEmbeddings) -> np.ndarray[Any, Any]:
    return np.concatenate([np.zeros((0, stored.dimension), dtype=np.float32), *stored])


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = folder.rglob("*.[np][pa]*")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if "/." not in str(file)}


def test_vectors_in_the_corpus_order(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    stored = embed(make_passages(ANGLES), tmp_path, compass)
    assert len(segments_in(store_of(tmp_path, compass))) == 3
    assert stored.rows == stored.encoded == 10
    np.testing.assert_array_equal(whole(stored), compass.encode_queries([str(float(i)) for i in range(10)]))
    assert isinstance(segments_in(store_of(tmp_path, compass))[0].vectors(), np.memmap)


def test_a_file_gives_what_the_frame_gives(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    many = make_passages({f"p{i}": i / 10 for i in range(150)})
    many.write_parquet(tmp_path / "passages.parquet", row_group_size=7)
    embed(tmp_path / "passages.parquet", tmp_path / "a", compass)
    embed(many, tmp_path / "b", compass)
    assert len(segments_in(store_of(tmp_path / "a", compass))) == 38
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_only_what_is_not_there_is_encoded(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    embed(make_passages(ANGLES), tmp_path, compass)
    compass.encoded.clear()
    assert embed(make_passages(ANGLES), tmp_path, compass).encoded == 0 and compass.encoded == []
    # One passage changes, one comes in at the top, the rest stand in another order under the same ids.
    turned = {"new": 70.0, **dict(reversed((ANGLES | {"p5": 50.0}).items()))}
    again = embed(make_passages(turned), tmp_path, compass)
    assert sorted(compass.encoded) == ["50.0", "70.0"] and again.encoded == 2
    np.testing.assert_array_equal(whole(again), compass.encode_queries([str(a) for a in turned.values()]))


def test_equal_passages_are_encoded_once(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    twice = pl.concat([make_passages(ANGLES), make_passages(ANGLES)])
    stored = embed(twice, tmp_path, compass, size=1)  # so that the copies come in another reading
    assert stored.encoded == len(compass.encoded) == 10 and stored.rows == 20
    np.testing.assert_array_equal(whole(stored)[:10], whole(stored)[10:])


def test_encoders_share_a_folder(tmp_path: Path, compass: Any, other_compass: Any, make_passages: MakePassages) -> None:
    embed(make_passages(ANGLES), tmp_path, compass)
    assert embed(make_passages(ANGLES), tmp_path, other_compass).encoded == 10
    other_compass.arithmetic = "by another hand"
    assert embed(make_passages(ANGLES), tmp_path, other_compass).encoded == 10


def test_no_passages_make_no_vectors(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    stored = embed(make_passages({}), tmp_path, compass)
    assert list(stored) == [] and stored.rows == 0


@pytest.mark.parametrize("name", ["content.parquet", "vectors.npy"])
def test_a_damaged_segment_is_refused(tmp_path: Path, compass: Any, make_passages: MakePassages, name: str) -> None:
    embed(make_passages(ANGLES), tmp_path, compass, size=100)
    (segment,) = segments_in(store_of(tmp_path, compass))
    file = segment.folder / name
    sound = file.read_bytes()
    at = {"content.parquet": 60, "vectors.npy": len(sound) - 1}[name]
    for damaged in (bytes([*sound[:at], sound[at] ^ 1, *sound[at + 1 :]]), sound[:20], b""):
        file.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="delete the folder"):
            embed(make_passages(ANGLES), tmp_path, compass)
    file.unlink()
    with pytest.raises(IntegrityError, match="delete the folder"):
        embed(make_passages(ANGLES), tmp_path, compass)


def test_compacting_merges_and_drops_and_loses_nothing(
    tmp_path: Path, compass: Any, make_passages: MakePassages
) -> None:
    passages = make_passages(ANGLES)
    for at in range(10):
        embed(passages[at], tmp_path, compass)
    kept = passages[[1, 2, 3, 5, 7, 8]]
    assert compact(tmp_path, lambda: kept["content_hash"], segment_passages=4) == 4
    assert [len(segment.hashes()) for segment in segments_in(store_of(tmp_path, compass))] in ([4, 2], [2, 4])
    compass.encoded.clear()
    np.testing.assert_array_equal(
        whole(embed(kept, tmp_path, compass)), compass.encode_queries([str(float(i)) for i in (1, 2, 3, 5, 7, 8)])
    )
    assert compass.encoded == []
    before = bytes_of(tmp_path)
    assert compact(tmp_path, lambda: kept["content_hash"], segment_passages=4) == 0
    assert bytes_of(tmp_path) == before


def test_nobody_compacts_under_a_reader(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    passages = make_passages(ANGLES)
    with embeddings_of(passages, tmp_path, compass, segment_passages=1) as stored:
        assert compact(tmp_path, passages["content_hash"].clear) == 0
        assert len(whole(stored)) == 10


def test_dropped_vectors_are_gone(
    tmp_path: Path, compass: Any, other_compass: Any, make_passages: MakePassages
) -> None:
    passages = make_passages(ANGLES)
    for encoder in (compass, other_compass):
        embed(passages, tmp_path, encoder)
    assert drop_vectors(tmp_path, passages["content_hash"][[2, 3]]) == 4
    left = [
        name
        for encoder in (compass, other_compass)
        for s in segments_in(store_of(tmp_path, encoder))
        for name in s.hashes()
    ]
    assert len(left) == 16 and not {*passages["content_hash"][[2, 3]]} & {*left}
    assert embed(passages, tmp_path, compass).encoded == 2


SCRIPTS = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9), max_size=8), min_size=1, max_size=6)


@given(script=SCRIPTS, size=st.integers(1, 5))
def test_whatever_came_before_the_vectors_are_those_of_a_new_store(
    tmp_path_factory: pytest.TempPathFactory, script: list[dict[str, int]], size: int
) -> None:
    folder, encoder = tmp_path_factory.mktemp("store"), CompassEncoder()
    for state in script:
        passages = passages_of({name: float(angle) for name, angle in state.items()})
        stored = embed(passages, folder, encoder, size)
        expected = encoder.encode_queries([str(float(angle)) for angle in state.values()])
        np.testing.assert_array_equal(whole(stored), expected)
        compact(folder, lambda: passages["content_hash"], segment_passages=size)  # noqa: B023


# Encodes like the compass, notes what it is given, and at the word "kill" is killed by the system, as by a power cut.
PROGRAM = """
import os, signal, sys
from pathlib import Path
import numpy as np, polars as pl
from wbrag_pipeline.retrieval.encoding.embedding_store import embeddings_of

class Encoder:
    name, dimension, fingerprint, arithmetic = "e", 2, "f", "a"
    def encode_passages(self, titles, texts, progress=None):
        with open(sys.argv[2], "a") as log:
            log.write(" ".join(texts) + chr(10))
        if sys.argv[3] in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([[float(text), 1] for text in texts], dtype=np.float32)

texts = [str(i) for i in range(10)]
passages = pl.DataFrame({"title": ["t"] * 10, "text": texts, "content_hash": [f"h{text}" for text in texts]})
with embeddings_of(passages, Path(sys.argv[1]), Encoder(), segment_passages=3):
    pass
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    def run(folder: str, kill_at: str) -> int:
        arguments = [str(tmp_path / folder), str(tmp_path / f"{folder}.log"), kill_at]
        return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False).returncode

    assert run("killed", "7") == -signal.SIGKILL
    assert len(bytes_of(tmp_path / "killed")) == 4
    assert run("killed", "nothing") == 0
    assert run("undisturbed", "nothing") == 0
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "undisturbed")
    encoded = (tmp_path / "killed.log").read_text().splitlines()
    assert encoded == ["0 1 2", "3 4 5", "6 7 8", "6 7 8", "9"]  # only the segment that was cut off is made twice
