"""Trained through a search server that it knows nothing of, the sample gives the same units and the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.retrievers.trained import ENCODER, refreshed, trained
from tests.serving.web import running
from wbrag_pipeline import tables
from wbrag_pipeline.datasets.adding import add_benchmark
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.retrievers.adding import add_retriever
from wbrag_pipeline.serving.access_tokens import AccessTokens
from wbrag_pipeline.serving.http.web_app import web_app
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.settings import Settings

SAMPLE = "sample_nq"
UNITS = ["title", "text", "question", "source_hashes", "source_tokens", "unit_tokens", "gate", "labels"]
QUESTIONS = 8  # a split


@dataclass(frozen=True)
class Box:
    """A search server over the sample's index; and what training on the sample itself gave."""

    url: str
    units: pl.DataFrame
    retrievals: pl.DataFrame
    evaluation: pl.DataFrame


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    ours = Settings(home=tmp_path_factory.mktemp("ours"), limit=QUESTIONS)
    release, evaluation = trained(ours, SAMPLE)
    theirs = Settings(home=tmp_path_factory.mktemp("theirs"))
    refreshed(theirs, "sample")
    service = SearchService([SAMPLE], lambda name: LiveRetriever(theirs, name, ENCODER))
    service.open()
    with running(web_app(service, AccessTokens(theirs.layout.access_tokens))) as server:
        yield Box(server.url, release.units(), tables.RETRIEVALS.load(ours, SAMPLE), evaluation)


def over(settings: Settings, entry: RetrieverEntry) -> str:
    """The name of the sample's benchmark over the retriever."""
    sample = Registry.load(settings.home).benchmark(SAMPLE)
    add_retriever(settings.home, "box", entry)
    add_benchmark(
        settings.home,
        "boxed",
        task=sample.task,
        metric=sample.metric,
        corpus="box",
        train=sample.train,
        test=sample.test,
    )
    return "boxed"


@pytest.mark.parametrize("merge", ["auto", "score"])
def test_over_search_r1_the_same_units_and_answers(box: Box, wbrag_home: Path, merge: str) -> None:
    settings = Settings(home=wbrag_home, limit=QUESTIONS, merge=merge)
    name = over(settings, RetrieverEntry.parse({"url": f"{box.url}/retrieve"}))
    release, evaluation = trained(settings, name)
    assert box.units.height > 0
    assert tables.RETRIEVALS.load(settings, name).equals(box.retrievals)
    assert _sorted(release.units(), [*UNITS, "source_passage_ids"]).equals(
        _sorted(box.units, [*UNITS, "source_passage_ids"])
    )
    assert evaluation.equals(box.evaluation)


def test_over_an_openai_vector_store_the_same_units_and_answers(box: Box, wbrag_home: Path) -> None:
    settings = Settings(home=wbrag_home, limit=QUESTIONS)
    url = f"{box.url}/v1/vector_stores/{SAMPLE}/search"
    release, evaluation = trained(settings, over(settings, RetrieverEntry.parse({"url": url, "format": "openai"})))
    assert _sorted(release.units(), UNITS).equals(_sorted(box.units, UNITS))
    others = ["passages_without", "passages_with"]  # ids are of files there, so ours are others
    assert evaluation.drop(others).equals(box.evaluation.drop(others))


def _sorted(units: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    return units.select(columns).sort("text", "question")
