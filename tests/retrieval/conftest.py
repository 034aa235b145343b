"""An encoder that can be worked by hand, indexes of it, and the real one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from tests.rows import rows_of
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.encoding.minilm_encoder import MiniLmEncoder
from wbrag_pipeline.retrieval.index import build_index, open_index
from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.retrieval.vector_search import Index
from wbrag_pipeline.storage import sha256_of_text
from wbrag_pipeline.tables import KNOWLEDGE_UNITS, PASSAGES


class CompassEncoder:
    """A stand-in whose texts are angles: "60" is the vector that points to 60°, so a score is a cosine one knows.

    Counts what it encodes, so that a test can say what was not encoded again.
    """

    dimension = 2
    arithmetic = "by-hand"

    def __init__(self, name: str = "compass") -> None:
        self.name = name
        self.fingerprint = hashlib.sha256(name.encode()).hexdigest()
        self.encoded: list[str] = []

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        assert len(titles) == len(texts)
        self.encoded += texts
        return self.encode_queries(texts, progress)

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        angles = [math.radians(float(question)) for question in questions]
        if progress:
            progress(len(angles))
        return np.array([[math.cos(a), math.sin(a)] for a in angles], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def compass() -> CompassEncoder:
    return CompassEncoder()


@pytest.fixture
def other_compass() -> CompassEncoder:
    """Another encoder with vectors of the same length."""
    return CompassEncoder("other compass")


@pytest.fixture
def row_groups_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of each row group of a Parquet file that Arrow reads by its number, in order."""
    numbers: list[int] = []
    read = pq.ParquetFile.read_row_group

    def counting(file: pq.ParquetFile, number: int, *args: object, **options: object) -> object:
        numbers.append(number)
        return read(file, number, *args, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counting)
    return numbers


MakeIndex = Callable[[str, dict[str, float]], Index]


@pytest.fixture
def make_index(tmp_path: Path, compass: CompassEncoder) -> MakeIndex:
    """``make_index("corpus", {"a": 60})``: an index, on disk and opened, of one passage "a" at 60°."""

    def make(name: str, angles: dict[str, float]) -> Index:
        texts = [str(angle) for angle in angles.values()]
        build_index(compass.encode_queries(texts), list(angles), tmp_path / name, compass)
        return open_index(tmp_path / name, compass)

    return make


def passages_of(angles: dict[str, float]) -> pl.DataFrame:
    rows = [
        {"passage_id": i, "title": f"T {i}", "text": str(a), "content_hash": sha256_of_text(f"T {i}", str(a))}
        | {"labels": [], "source": f"T {i}", "said_at": None}
        for i, a in angles.items()
    ]
    return pl.DataFrame(rows, schema=PASSAGES.schema)


def units_of(angles: dict[str, float]) -> pl.DataFrame:
    rows = [
        {
            "unit_id": i,
            "benchmark": "b",
            "question_id": f"q{i}",
            "question": "?",
            "title": f"U {i}",
            "text": str(angle),
            "source_passage_ids": ["a"],
            "source_hashes": ["ha"],
            "source_tokens": 9,
            "unit_tokens": 3,
            "fallback": False,
            "distiller": "by hand",
            "prompt_version": "1",
            "labels": [],
        }
        for i, angle in angles.items()
    ]
    return rows_of(KNOWLEDGE_UNITS, rows)


@pytest.fixture
def make_passages() -> Callable[[dict[str, float]], pl.DataFrame]:
    return passages_of


@pytest.fixture
def make_units() -> Callable[[dict[str, float]], pl.DataFrame]:
    return units_of


@pytest.fixture(scope="session")
def minilm() -> MiniLmEncoder:
    encoder = load_encoder()
    assert isinstance(encoder, MiniLmEncoder)
    return encoder
