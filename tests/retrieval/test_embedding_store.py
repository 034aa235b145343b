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

from wbrag_pipeline.errors import IntegrityError
from wbrag_pipeline.retrieval.embedding_store import StoredEmbeddings, embed_passages

ANGLES = {f"p{i}": float(i) for i in range(10)}
MakePassages = Callable[[dict[str, float]], pl.DataFrame]


def whole(stored: StoredEmbeddings) -> np.ndarray[Any, Any]:
    return np.concatenate(list(stored))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.npy") if not file.name.startswith(".")}


def test_chunks_in_the_corpus_order(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    stored = embed_passages(make_passages(ANGLES), tmp_path, compass, chunk_passages=4)
    assert [len(part) for part in stored] == [4, 4, 2]
    assert stored.rows == stored.encoded == 10
    np.testing.assert_array_equal(whole(stored), compass.encode_queries([str(float(i)) for i in range(10)]))
    assert all(isinstance(part, np.memmap) for part in stored)


def test_a_file_gives_what_the_frame_gives(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    many = make_passages({f"p{i}": i / 10 for i in range(150)})
    many.write_parquet(tmp_path / "passages.parquet", row_group_size=7)
    from_file = embed_passages(tmp_path / "passages.parquet", tmp_path / "a", compass, chunk_passages=4)
    embed_passages(many, tmp_path / "b", compass, chunk_passages=4)
    assert len(from_file.files) == 38
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_what_is_there_is_not_encoded_again(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    first = embed_passages(make_passages(ANGLES), tmp_path, compass, chunk_passages=4)
    compass.encoded.clear()
    again = embed_passages(make_passages(ANGLES), tmp_path, compass, chunk_passages=4)
    assert compass.encoded == [] and again.encoded == 0 and again.files == first.files
    # One passage of the second chunk changes: that chunk alone is made.
    changed = embed_passages(make_passages(ANGLES | {"p5": 50.0}), tmp_path, compass, chunk_passages=4)
    assert compass.encoded == ["4.0", "50.0", "6.0", "7.0"] and changed.encoded == 4
    assert changed.files[0] == first.files[0] and changed.files[1] != first.files[1]


def test_a_title_counts_as_content(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    passages = make_passages(ANGLES)
    embed_passages(passages, tmp_path, compass)
    assert embed_passages(passages.with_columns(title=pl.lit("other")), tmp_path, compass).encoded == 10


def test_encoders_share_a_folder(tmp_path: Path, compass: Any, other_compass: Any, make_passages: MakePassages) -> None:
    embed_passages(make_passages(ANGLES), tmp_path, compass)
    assert embed_passages(make_passages(ANGLES), tmp_path, other_compass).encoded == 10
    other_compass.arithmetic = "by another hand"
    assert embed_passages(make_passages(ANGLES), tmp_path, other_compass).encoded == 10
    assert len(bytes_of(tmp_path)) == 3


def test_no_passages_make_no_chunks(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    stored = embed_passages(make_passages({}), tmp_path, compass)
    assert list(stored) == [] and stored.rows == 0


def test_a_damaged_chunk_is_refused(tmp_path: Path, compass: Any, make_passages: MakePassages) -> None:
    stored = embed_passages(make_passages(ANGLES), tmp_path, compass)
    data = bytearray(stored.files[0].read_bytes())
    data[-1] ^= 1
    stored.files[0].write_bytes(data)
    with pytest.raises(IntegrityError, match="delete it"):
        embed_passages(make_passages(ANGLES), tmp_path, compass)
    stored.files[0].write_bytes(data[:20])
    with pytest.raises(IntegrityError, match="no array"):
        list(stored)


# Encodes like the compass, notes what it is given, and at the word "kill" is killed by the system, as by a power cut.
PROGRAM = """
import os, signal, sys
from pathlib import Path
import numpy as np, polars as pl
from wbrag_pipeline.retrieval.embedding_store import embed_passages

class Encoder:
    name, dimension, fingerprint, arithmetic = "e", 2, "f", "a"
    def encode_passages(self, titles, texts, progress=None):
        with open(sys.argv[2], "a") as log:
            log.write(" ".join(texts) + chr(10))
        if sys.argv[3] in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([[float(text), 1] for text in texts], dtype=np.float32)

passages = pl.DataFrame({"title": ["t"] * 10, "text": [str(i) for i in range(10)]})
embed_passages(passages, Path(sys.argv[1]), Encoder(), chunk_passages=3)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    def run(folder: str, kill_at: str) -> int:
        arguments = [str(tmp_path / folder), str(tmp_path / f"{folder}.log"), kill_at]
        return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False).returncode

    assert run("killed", "7") == -signal.SIGKILL
    assert len(bytes_of(tmp_path / "killed")) == 2
    assert run("killed", "nothing") == 0
    assert run("undisturbed", "nothing") == 0
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "undisturbed")
    encoded = (tmp_path / "killed.log").read_text().splitlines()
    assert encoded == ["0 1 2", "3 4 5", "6 7 8", "6 7 8", "9"]  # only the chunk that was cut off is made twice
