"""The embedded reader's calls on the sample, estimated and really made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.estimation.test_estimate import assert_within
from wbrag_pipeline import evaluate, train
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.estimation.estimate import estimate
from wbrag_pipeline.estimation.scenarios import AT_MOST, CERTAIN
from wbrag_pipeline.generation.accounts.ledger import costs
from wbrag_pipeline.generation.generator import Usage
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.retrieval.encoding.shipped_vectors import SAMPLE_VECTORS, take_shipped_vectors
from wbrag_pipeline.settings import Settings
from wbrag_pipeline.training.context import StageContext


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the sample corpus is indexed."""
    settings = Settings(home=tmp_path_factory.mktemp("sample"))
    encoder = load_encoder(settings.encoder)
    settings.layout.mark_layout()
    take_shipped_vectors(SAMPLE_VECTORS, settings.layout.embeddings, encoder)
    refresh_corpus(settings, Registry.load(settings.home), "sample", encoder, run="index")
    return settings.home


@pytest.mark.parametrize(("benchmark", "method"), [("sample_nq", "naive"), ("sample_fever", "self_rag")])
def test_the_readers_calls_lie_within_their_bounds(home: Path, benchmark: str, method: str) -> None:
    settings = Settings(home=home, limit=20, method=method)
    found = estimate(StageContext.of(settings, benchmark), probing=True)
    assert found.probe.seconds_a_call > 0.0 and not found.total(AT_MOST).prompt_tokens
    before = _sent(settings)
    train(benchmark, settings)
    evaluate(benchmark, settings)
    spent = Usage(calls=_sent(settings) - before)
    assert_within(found, spent, tokens=False)
    assert found.probe.seconds(found.total(CERTAIN)) <= found.probe.seconds(found.total(AT_MOST))


def _sent(settings: Settings) -> int:
    return sum(cost.usage.sent for cost in costs(settings.layout.completions))
