"""The four stores, and FAISS' approximate kinds, against the suite that ships with the package."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

import pytest

from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.stores.faiss_store import FaissBackend
from wbrag_pipeline.retrieval.stores.protocols import StoreBackend
from wbrag_pipeline.store_address import parse_store
from wbrag_pipeline.testing import StoreConformance


class TestFaiss(StoreConformance):
    def make(self) -> StoreBackend:
        return FaissBackend()


class TestFaissHnsw(TestFaiss):
    kind, approximate = "hnsw", True


class TestFaissIvf(TestFaiss):
    kind, approximate = "ivf", True


class TestFaissQuantised(TestFaiss):
    kind, approximate = "IVF8,SQ8", True


class TestLanceInTheHome(StoreConformance):
    def make(self) -> StoreBackend:
        pytest.importorskip("lancedb")
        return backend_at(parse_store("lancedb"))


class _InAFolder(StoreConformance):
    store = ""
    # One for the whole class: a second backend must find what the first wrote.
    _folder_of: ClassVar[dict[str, Path]] = {}

    def make(self) -> StoreBackend:
        pytest.importorskip({"lancedb": "lancedb", "qdrant": "qdrant_client"}[self.store])
        folder = self._folder_of.setdefault(self.store, Path(tempfile.mkdtemp(prefix=f"wbrag-{self.store}-")))
        return backend_at(parse_store(f"{self.store}:{folder}"))


class TestLance(_InAFolder):
    store = "lancedb"


class TestLanceIvf(TestLance):
    kind, approximate = "ivf", True


class TestQdrant(_InAFolder):
    store = "qdrant"


class TestPgvector(StoreConformance):
    address = ""

    @pytest.fixture(autouse=True)
    def _server(self, postgres: str) -> None:
        type(self).address = f"pgvector:{postgres}"

    def make(self) -> StoreBackend:
        return backend_at(parse_store(self.address))


class TestPgvectorHnsw(TestPgvector):
    kind, approximate = "hnsw", True


class TestPgvectorIvf(TestPgvector):
    kind, approximate = "ivf", True
