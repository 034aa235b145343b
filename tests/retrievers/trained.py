"""A benchmark over some corpus, trained and evaluated without Dagster, by words' hashes as the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from wbrag_pipeline import tables
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.evaluate import evaluate_release
from wbrag_pipeline.generation.engines import deployed_generator
from wbrag_pipeline.generation.generator import Generator
from wbrag_pipeline.refresh.corpus_stages import Refreshed, is_fresh, refresh_corpus
from wbrag_pipeline.releases.store import Release, promote
from wbrag_pipeline.retrieval.hash_encoder import HashEncoder
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.train import train_candidate

ENCODER = HashEncoder(256)


def refreshed(settings: Settings, corpus: str, **options: Any) -> Refreshed:
    return refresh_corpus(settings, Registry.load(settings.home), corpus, ENCODER, run="refresh", **options)


def trained(
    settings: Settings, benchmark: str, generator: Callable[[Settings], Generator] = deployed_generator
) -> tuple[Release, pl.DataFrame]:
    """The release, which is served, and EVALUATION; the corpus is read first where it must be."""
    registry = Registry.load(settings.home)
    corpus = registry.benchmark(benchmark).corpus
    if not is_fresh(settings, registry, corpus):
        refreshed(settings, corpus)
    assert is_fresh(settings, registry, corpus)
    context = StageContext.of(settings, benchmark, encoder=lambda _: ENCODER, generator=generator, run="train")
    release = train_candidate(context)
    promote(settings.releases(benchmark), release.name, actor="test", reason="test")
    questions, passages = (
        tables.QUESTIONS.load(settings, benchmark),
        tables.PASSAGES.load_lazily(settings, corpus),
    )
    return release, evaluate_release(context, questions, release, passages).table
