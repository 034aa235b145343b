"""A server over a corpus of towns, some of it labelled, in a thread of the test's own process."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import uvicorn
from starlette.applications import Starlette

from tests.retrieval.conftest import passages_of, units_of
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus
from wbrag_pipeline.releases.store import build_release, promote, rollback
from wbrag_pipeline.retrieval.corpus import build_corpus_index, commit_state
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.serving.access_tokens import AccessTokens, new_token
from wbrag_pipeline.serving.http.web_app import web_app
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.serving.service_limits import ServiceLimits
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.storage import sha256_of_text

PASSAGES = {
    "p1": ("Velcro", "Velcro was the idea of George de Mestral.", []),
    "p2": ("Zipper", "The zipper was made by Gideon Sundback.", []),
    "p3": ("Salaries", "The salary of the director is secret.", ["hr"]),
    "p4": ("Buttons", "Buttons were used in the Indus Valley.", []),
}


class Towns:
    """A home with four passages, one of them labelled ``hr``, and benchmarks ``b`` and ``b2`` over them."""

    def __init__(
        self,
        home: Path,
        encoder: Encoder | None = None,
        passages: Mapping[str, tuple[str, str, list[str]]] = PASSAGES,
        **settings: Any,
    ) -> None:
        self.settings, self.encoder = Settings(home=home, top_k=2, **settings), encoder or HashEncoder()
        self.folder = self.settings.releases("b")
        data = home.parent / "data"
        data.mkdir()
        (data / "c.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\ntext"}\n', encoding="utf-8")
        (data / "train.jsonl").write_text(
            '{"id": "t", "question": "who?", "golden_answers": ["a"]}\n', encoding="utf-8"
        )
        add_corpus(home, "c", data / "c.jsonl")
        add_benchmark(home, "b", task="open_qa", corpus="c", train=data / "train.jsonl")
        base = passages_of(dict.fromkeys(passages, 0.0))
        columns = {
            "title": [title for title, _, _ in passages.values()],
            "text": [text for _, text, _ in passages.values()],
            "content_hash": [sha256_of_text(title, text) for title, text, _ in passages.values()],
            "labels": [labels for _, _, labels in passages.values()],
        }
        self.passages = base.with_columns(
            *(pl.Series(name, values, dtype=base.schema[name]) for name, values in columns.items())
        )
        add_benchmark(home, "b2", task="open_qa", corpus="c", train=data / "train.jsonl")  # nothing is promoted there
        tables.PASSAGES.store(self.passages, self.settings, "c")
        build_corpus_index(self.settings, "c", self.encoder)
        commit_state(self.settings, "c")

    def release(self, unit: str, text: str, *, labels: list[str] | None = None, source: str = "p1") -> str:
        """Build a release of one unit, made from one passage; gives its name."""
        passage = self.passages.row(by_predicate=pl.col("passage_id") == source, named=True)
        units = units_of({unit: 0.0}).with_columns(
            text=pl.lit(text),
            labels=pl.lit(labels or [], dtype=pl.List(pl.String)),
            source_passage_ids=pl.lit([source]),
            source_hashes=pl.lit([passage["content_hash"]]),
        )
        return build_release(units, self.encoder, self.folder, {}).name

    def promote(self, name: str) -> None:
        promote(self.folder, name, actor="test", reason="test")

    def rollback(self) -> None:
        rollback(self.folder, actor="test", reason="test")

    @property
    def tokens(self) -> Path:
        return self.settings.layout.access_tokens

    def token(self, *labels: str, name: str = "") -> str:
        return new_token(self.tokens, labels, name)

    def retriever(self, benchmark: str, generator: Any = None) -> LiveRetriever:
        options = {} if generator is None else {"generator": lambda settings: generator}
        return LiveRetriever(self.settings, benchmark, self.encoder, **options)

    def service(self, *benchmarks: str, generator: Any = None, opened: bool = True, **limits: Any) -> SearchService:
        service = SearchService(
            benchmarks or ("b",),
            lambda name: self.retriever(name, generator),
            limits=ServiceLimits(**limits),
            answers=generator is not None,
        )
        if opened:
            service.open()
        return service

    def app(self, service: SearchService | None = None, **options: Any) -> Starlette:
        return web_app(service or self.service(), AccessTokens(self.tokens), **options)


@dataclass
class Running:
    """A server that runs: its address."""

    url: str

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


@contextlib.contextmanager
def running(app: Starlette, port: int = 0) -> Iterator[Running]:
    """Serve ``app`` by uvicorn in a thread for the block."""
    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


def error(reply: httpx.Response) -> dict[str, Any]:
    """A refused request's error object, and its status."""
    assert reply.headers["content-type"] == "application/json"
    found = reply.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return {"status": reply.status_code, **found}
