"""What all ways to ask have in common: the benchmarks that are served, their limits, and who reads.

HTTP endpoints and MCP tools turn requests into calls of ``SearchService`` and its results into their own shape. A call
always says which access labels the reader has; there is no way to search without saying so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from wbrag_pipeline.errors import WbragError
from wbrag_pipeline.rag.system import Answered
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.protocols import Encoder
from wbrag_pipeline.serving.combining_encoder import CombiningEncoder
from wbrag_pipeline.serving.live import Found, LiveRetriever
from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.service_limits import ServiceLimits
from wbrag_pipeline.serving.service_metrics import ServiceMetrics
from wbrag_pipeline.serving.service_spans import ServiceSpans
from wbrag_pipeline.serving.textless_log import where
from wbrag_pipeline.serving.usage_recorder import UsageRecorder, UsageSample
from wbrag_pipeline.serving.worker_pool import Done, WorkerPool
from wbrag_pipeline.settings import Settings

if TYPE_CHECKING:
    import polars as pl

_log = logging.getLogger("wbrag.serving")

# Told the release and the hits of a search.
_Note = Callable[[str, "pl.DataFrame"], None]
# Opens the retriever of one benchmark.
OpenRetriever = Callable[[str], LiveRetriever]


class SearchService:
    """The benchmarks that are served; the first one where a request names none.

    open_retriever: how to open one of them. answers: whether questions are answered too, by the generator of what is
    served. sampled: what is recorded of the queries; None is nothing. spans: where OpenTelemetry's go; None makes none.
    """

    def __init__(
        self,
        benchmarks: Sequence[str],
        open_retriever: OpenRetriever,
        *,
        limits: ServiceLimits | None = None,
        answers: bool = False,
        sampled: UsageSample | None = None,
        spans: ServiceSpans | None = None,
    ) -> None:
        self.benchmarks = tuple(dict.fromkeys(benchmarks))
        self.limits, self.answers, self.spans = limits or ServiceLimits(), answers, spans
        self.metrics = ServiceMetrics(self.served, self.remotes)
        self.pool = WorkerPool(self.limits)
        self._recorder: UsageRecorder | None = None
        if sampled is not None:
            self._recorder = UsageRecorder(sampled, self.benchmarks, self.metrics.count_usage)
        self._open_retriever = open_retriever
        self._retrievers: dict[str, LiveRetriever] = {}

    def open(self) -> None:
        """Open and verify what is served; takes seconds. Until it is done every search is refused (503).

        Raises as ``LiveRetriever`` does.
        """
        opened = {}
        for name in self.benchmarks:
            opened[name] = self._open_retriever(name)
            if self.answers:
                opened[name].load_generator()
        self._retrievers = opened

    def close(self) -> None:
        """Answer no more requests; what was sampled is written, and what spans there are is sent."""
        self.pool.close()
        for retriever in self._retrievers.values():
            retriever.close()
        if self.spans is not None:
            self.spans.close()
        if self._recorder is not None:
            self._recorder.close()

    @property
    def is_ready(self) -> bool:
        """Whether everything is open and verified."""
        return bool(self._retrievers)

    def served(self) -> dict[str, tuple[str, bool]]:
        """The release of each open benchmark ("" for the corpus alone), and whether a newer one was refused."""
        return {name: (found.release, found.is_behind) for name, found in self._retrievers.items()}

    def remotes(self) -> dict[str, tuple[bool, float]]:
        """Of each open benchmark that follows a remote: whether the last look failed, and seconds since one did not."""
        followers = {name: found.follower for name, found in self._retrievers.items()}
        return {name: (bool(one.problem), one.age) for name, one in followers.items() if one is not None}

    async def search(
        self,
        benchmark: str | None,
        queries: Sequence[str],
        top_k: int | None,
        labels: Collection[str],
        *,
        fields: tuple[str, str] = ("queries", "topk"),
    ) -> Found:
        """The best passages and units of each query that a reader with ``labels`` may see.

        top_k: None is what the release was validated with. fields: what the request calls queries and top_k.

        Raises RefusedRequest.
        """
        name, retriever = self._retriever(benchmark)
        if len(queries) > self.limits.queries:
            problem = f"{len(queries)} queries, and a request may hold {self.limits.queries}; send them in several"
            raise RefusedRequest(400, "too_many_queries", problem, param=fields[0])
        if top_k is not None and top_k > self.limits.top_k:
            problem = f"{top_k} passages a query, and this server gives at most {self.limits.top_k}; ask for fewer"
            raise RefusedRequest(400, "too_many_passages", problem, param=fields[1])
        with self._noted(name, queries, top_k) as note:
            found = await self.pool.run(_in_words(lambda: retriever.search(queries, top_k, labels=labels)))
            note(found.release, found.hits)
        return found

    async def passage(self, benchmark: str | None, origin: str, passage_id: str, labels: Collection[str]) -> Found:
        """One passage or unit by its id, or no row where the reader sees none. Raises RefusedRequest."""
        _, retriever = self._retriever(benchmark)
        return await self.pool.run(_in_words(lambda: retriever.passage(origin, passage_id, labels=labels)))

    async def answer(
        self, benchmark: str | None, questions: Sequence[str], labels: Collection[str]
    ) -> tuple[str, Answered]:
        """Answers for a reader with ``labels``, and the release that they came from. Raises RefusedRequest."""
        name, retriever = self._retriever(benchmark)
        with self._noted(name, questions, None) as note:
            release, answered = await self.pool.run(_in_words(lambda: retriever.answer(questions, labels=labels)))
            note(release, answered.hits)
        return release, answered

    def name_of(self, benchmark: str | None) -> str:
        """The benchmark that is meant; None is the first. Raises RefusedRequest (404) for one that is not served."""
        name = self.benchmarks[0] if benchmark is None else benchmark
        if name not in self.benchmarks:
            served = ", ".join(self.benchmarks)
            problem = f"this server has no such benchmark; it serves {served}"
            raise RefusedRequest(404, "unknown_benchmark", problem, param="benchmark")
        return name

    @contextmanager
    def _noted(self, name: str, queries: Sequence[str], top_k: int | None) -> Iterator[_Note]:
        """A search, to be counted, sampled and traced; the block is to call what it is given with what was found."""
        asked_at, began = datetime.now(UTC), time.time_ns()

        def note(release: str, hits: pl.DataFrame) -> None:
            self.metrics.count_hits(name, len(queries), hits)
            if self._recorder is not None:
                self._recorder.note(name, asked_at, queries, release, hits)
            if self.spans is not None:
                self.spans.found(name, began, queries, top_k, release, hits)

        try:
            yield note
        except Exception as error:
            if self.spans is not None:
                self.spans.failed(name, began, error.code if isinstance(error, RefusedRequest) else "failed")
            raise

    def _retriever(self, benchmark: str | None) -> tuple[str, LiveRetriever]:
        name = self.name_of(benchmark)
        if name not in self._retrievers:
            problem = "the release is being opened and verified; try again when /readyz says 200"
            raise RefusedRequest(503, "not_ready", problem, headers={"Retry-After": "2"})
        return name, self._retrievers[name]


def retrievers_of(settings: Settings, encoder: Encoder | None = None) -> OpenRetriever:
    """Opens benchmarks of a home, all with one encoder and one generator; searches go on while an answer is written.

    encoder: loaded as the settings say when None.
    """
    generating = threading.Lock()

    @cache
    def shared() -> Encoder:
        return CombiningEncoder(encoder or load_encoder(settings.encoder))

    def open_retriever(benchmark: str) -> LiveRetriever:
        return LiveRetriever(settings, benchmark, shared(), encoding=nullcontext(), generating=generating)

    return open_retriever


def _in_words(work: Callable[[], Done]) -> Callable[[], Done]:
    """``work`` with errors of this project's as refusals: what was asked is not to blame, and the log says where."""

    def told() -> Done:
        try:
            return work()
        except WbragError as error:
            _log.error("a request could not be answered: %s", where(error))
            problem = "what is served could not be searched; the server's log says where it failed"
            raise RefusedRequest(503, "not_available", problem) from None

    return told
