"""Figures for Prometheus: how long requests take, and what write-back has to do with what is found.

No figure holds a text or a token. The share of units among what is found is
``rate(wbrag_hits_total{origin="writeback"}[1h]) / ignoring(origin) sum without (origin) (rate(wbrag_hits_total[1h]))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import polars as pl
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric

from wbrag_pipeline import __version__
from wbrag_pipeline.retrieval.knowledge_base import CORPUS, WRITEBACK

METRICS_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# Each benchmark's release, and whether a newer one was refused.
Served = Callable[[], Mapping[str, tuple[str, bool]]]
# Of each benchmark that follows a remote: whether the last look failed, and seconds since one did not.
Remotes = Callable[[], Mapping[str, tuple[bool, float]]]


class ServiceMetrics:
    """The figures of one server; may be called from many threads. Both functions are asked when they are read."""

    def __init__(self, served: Served, remotes: Remotes = dict) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests by endpoint and status", "endpoint", "status")
        self._seconds = Histogram(
            "wbrag_request_seconds", "Time of a request", ["endpoint"], registry=self._registry, buckets=_SECONDS
        )
        self._refused = self._counter("refused_requests", "Requests refused, by reason", "reason")
        self._queries = self._counter("queries", "Queries searched", "benchmark")
        self._empty = self._counter("queries_without_results", "Queries that found nothing", "benchmark")
        self._with_units = self._counter("queries_with_units", "Queries with a unit in their top K", "benchmark")
        self._hits = self._counter("hits", "Passages and units found", "benchmark", "origin")
        self._usage = self._counter("usage_queries", "Queries of the sample for wbrag usage, by outcome", "outcome")
        self._registry.register(_ServedReleases(served, remotes))
        ProcessCollector(registry=self._registry)  # memory, processor time, open files

    def count_request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request. endpoint: the path as the documentation writes it, never as it was sent."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def count_refused(self, reason: str) -> None:
        """Count a refused request; ``reason`` is ``RefusedRequest.code``."""
        self._refused.labels(reason).inc()

    def count_hits(self, benchmark: str, queries: int, hits: pl.DataFrame) -> None:
        """Count what ``queries`` queries found. hits: ``knowledge_base.HITS``, of all of them."""
        units = hits.filter(pl.col("origin") == WRITEBACK)
        self._queries.labels(benchmark).inc(queries)
        self._empty.labels(benchmark).inc(queries - hits["query"].n_unique())
        self._with_units.labels(benchmark).inc(units["query"].n_unique())
        self._hits.labels(benchmark, WRITEBACK).inc(units.height)
        self._hits.labels(benchmark, CORPUS).inc(hits.height - units.height)

    def count_usage(self, outcome: str, queries: int) -> None:
        """Count sampled queries; ``outcome`` is recorded, forgotten, or dropped."""
        self._usage.labels(outcome).inc(queries)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"wbrag_{name}", meaning, labels, registry=self._registry)

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)


class _ServedReleases:
    """A collector: which releases are served at the moment of reading."""

    def __init__(self, served: Served, remotes: Remotes) -> None:
        self._served, self._remotes = served, remotes

    def collect(self) -> Iterator[Metric]:
        served = self._served()
        releases = GaugeMetricFamily("wbrag_release_info", "The release served", labels=["benchmark", "release"])
        behind = GaugeMetricFamily(
            "wbrag_release_refused", "1 where a newer release was refused as damaged", labels=["benchmark"]
        )
        for benchmark, (release, is_behind) in served.items():
            releases.add_metric([benchmark, release], 1)
            behind.add_metric([benchmark], float(is_behind))
        failing = GaugeMetricFamily(
            "wbrag_remote_failing", "1 where the last look at the remote failed", labels=["benchmark"]
        )
        age = GaugeMetricFamily(
            "wbrag_remote_age_seconds", "Seconds since a look at the remote succeeded", labels=["benchmark"]
        )
        for benchmark, (fails, seconds) in self._remotes().items():
            failing.add_metric([benchmark], float(fails))
            age.add_metric([benchmark], seconds)
        build = GaugeMetricFamily("wbrag_build_info", "The version of wbrag-pipeline", labels=["version"])
        build.add_metric([__version__], 1)
        yield from (releases, behind, failing, age, build)
