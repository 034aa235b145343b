"""What would stop a run, found before its first long stage: engines that are not there, models that do not exist."""

from __future__ import annotations

from collections.abc import Iterable

from wbrag_pipeline.datasets.benchmark_entry import Benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.generation.engines import check_generator, deployed_generator
from wbrag_pipeline.rag.methods import check_able, method_named
from wbrag_pipeline.rag.searching import TransformsQueries, refuse_own_vectors
from wbrag_pipeline.remote.opening_remote import remote_of
from wbrag_pipeline.retrieval.encoding.cluster_encoder import deployed_encoder
from wbrag_pipeline.retrieval.stores.backends import backend_at
from wbrag_pipeline.retrieval.word_search import BM25
from wbrag_pipeline.retrievers.opening import refuse_search
from wbrag_pipeline.settings import DEFAULT_GENERATOR, Settings
from wbrag_pipeline.store_address import parse_store


def check_before_a_run(settings: Settings, benchmarks: Iterable[Benchmark]) -> None:
    """Raise what a run of these benchmarks would raise for its settings, before anything is indexed or asked.

    The encoder is loaded, and the store of vectors is reached. A server is asked whether it serves the model and what
    it can do; a model that runs in this process is not loaded. Raises InputError for what the user can change,
    MissingPartError for what is not installed, VectorStoreError where the store does not answer. A remote is not asked:
    what is trained stays here when it cannot be reached.
    """
    method, judges = method_named(settings.method), settings.scorer == "judge"
    check_generator(settings.generator)
    registry = Registry.load(settings.home)
    for benchmark in benchmarks:
        if not judges:
            benchmark.require_answers()
        by_retriever = registry.corpus(benchmark.corpus).retriever is not None
        if by_retriever:
            refuse_search(settings.search, benchmark.corpus)
        if isinstance(method, TransformsQueries) and (by_retriever or settings.search == BM25):
            refuse_own_vectors(settings.method, settings.search)
    if settings.generator != DEFAULT_GENERATOR:
        check_able(deployed_generator(settings), method, judges=judges)
    encoder, store = deployed_encoder(settings), backend_at(parse_store(settings.store))
    store.kind_of(settings.index, 0, encoder.dimension)
    store.check()
    if settings.remote:
        remote_of(settings)
