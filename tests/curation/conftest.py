"""A corpus and units by hand, an encoder that counts words, and a generator that says what a test wants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.rows import rows_of
from tests.scripted import Scripted
from wbrag_pipeline import tables
from wbrag_pipeline.curation.curate import curate
from wbrag_pipeline.datasets.tasks import OPEN_QA, Task
from wbrag_pipeline.retrieval.protocols import Advance, Vectors
from wbrag_pipeline.storage import sha256_of_text


class WordCountEncoder:
    """Texts as counts of their words in 64 buckets: what shares its words is near."""

    name = fingerprint = "word counts"
    arithmetic = "by hand"
    dimension = 64

    def encode_passages(self, titles: Sequence[str], texts: Sequence[str], progress: Advance | None = None) -> Vectors:
        return self.encode_queries([f"{title} {text}" for title, text in zip(titles, texts, strict=True)])

    def encode_queries(self, questions: Sequence[str], progress: Advance | None = None) -> Vectors:
        vectors = np.zeros((len(questions), self.dimension), dtype=np.float32)
        for row, question in enumerate(questions):
            for word in question.lower().split():
                vectors[row, hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1.0
        lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, 1e-9)


class World:
    """Passages and the units made from them; ``curated()`` is the table as rows by unit id."""

    def __init__(self) -> None:
        self.passages: list[dict[str, Any]] = []
        self.units: list[dict[str, Any]] = []
        self.known_from: dict[str, datetime] = {}
        self.generator = Scripted(lambda claim, passages: "NOT ENOUGH INFO")

    def passage(
        self,
        name: str,
        title: str,
        text: str,
        *,
        source: str | None = None,
        labels: Sequence[str] = (),
        said_at: datetime | None = None,
    ) -> str:
        self.passages.append(
            {
                "passage_id": name,
                "title": title,
                "text": text,
                "content_hash": sha256_of_text(title, text),
                "labels": sorted(labels),
                "source": name if source is None else source,
                "said_at": said_at,
            }
        )
        return name

    def unit(
        self, name: str, sources: Sequence[str], *, text: str | None = None, title: str | None = None, **change: Any
    ) -> str:
        """A unit of the passages, with the first one's title and text unless told otherwise."""
        found = {row["passage_id"]: row for row in self.passages}
        first = found[sources[0]]
        self.units.append(
            {
                "unit_id": name,
                "benchmark": "b",
                "question_id": f"q_{name}",
                "question": "?",
                "title": first["title"] if title is None else title,
                "text": first["text"] if text is None else text,
                "source_passage_ids": list(sources),
                "source_hashes": [found[source]["content_hash"] for source in sources],
                "source_tokens": 9,
                "unit_tokens": 9,
                "fallback": False,
                "distiller": "by hand",
                "prompt_version": "1",
                "labels": sorted({label for source in sources for label in found[source]["labels"]}),
                **change,
            }
        )
        return name

    def tables(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """KNOWLEDGE_UNITS and PASSAGES."""
        return (
            rows_of(tables.KNOWLEDGE_UNITS, self.units),
            pl.DataFrame(self.passages, schema=tables.PASSAGES.schema),
        )

    def curated(self, task: Task = OPEN_QA, **options: Any) -> dict[str, dict[str, Any]]:
        frame = curate(
            *self.tables(),
            WordCountEncoder(),
            self.generator,
            task,
            known_from=self.known_from,
            **options,
        )
        return {row["unit_id"]: row for row in frame.iter_rows(named=True)}

    def states(self) -> dict[str, str]:
        return {name: row["state"] for name, row in self.curated().items()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> Callable[[], World]:
    return World
