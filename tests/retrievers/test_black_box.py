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
from wbrag_pipeline.retrievers.adding_retriever import add_retriever
from wbrag_pipeline.serving.access_tokens import AccessTokens
from wbrag_pipeline.serving.http.web_app import web_app
from wbrag_pipeline.serving.live import LiveRetriever
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.settings import Settings

SAMPLE = "sample_nq"
NAME = "support"
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
    questions_over(ours, "sample")
    release, evaluation = trained(ours, NAME)
    theirs = Settings(home=tmp_path_factory.mktemp("theirs"))
    refreshed(theirs, "sample")
    service = SearchService([SAMPLE], lambda name: LiveRetriever(theirs, name, ENCODER))
    service.open()
    with running(web_app(service, AccessTokens(theirs.layout.access_tokens))) as server:
        yield Box(server.url, release.units(), tables.RETRIEVALS.load(ours, NAME), evaluation)


def questions_over(settings: Settings, corpus: str) -> None:
    """The sample's questions over a corpus, under one name: it is part of a unit's id."""
    sample = Registry.load(settings.home).benchmark(SAMPLE)
    splits = {"train": sample.train, "test": sample.test}
    add_benchmark(settings.home, NAME, task=sample.task, metric=sample.metric, corpus=corpus, **splits)  # type: ignore[arg-type]


def trained_over(settings: Settings, **entry: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Units and EVALUATION over the retriever of an entry."""
    add_retriever(settings.home, "box", RetrieverEntry.parse(entry))
    questions_over(settings, "box")
    release, evaluation = trained(settings, NAME)
    return release.units(), evaluation


@pytest.mark.parametrize("merge", ["auto", "score"])
def test_over_search_r1_the_same_units_and_answers(box: Box, wbrag_home: Path, merge: str) -> None:
    settings = Settings(home=wbrag_home, limit=QUESTIONS, merge=merge)
    units, evaluation = trained_over(settings, url=f"{box.url}/retrieve")
    assert units.height > 0 and units.equals(box.units)
    assert tables.RETRIEVALS.load(settings, NAME).equals(box.retrievals)
    assert evaluation.equals(box.evaluation)


def test_over_an_openai_vector_store_the_same_units_and_answers(box: Box, wbrag_home: Path) -> None:
    settings = Settings(home=wbrag_home, limit=QUESTIONS)
    units, evaluation = trained_over(settings, url=f"{box.url}/v1/vector_stores/{SAMPLE}/search", format="openai")
    # Ids are of files there, so ours are made of them and the texts.
    said = ["title", "text", "question", "gate", "labels"]
    assert _sorted(units, said).equals(_sorted(box.units, said))
    ids = ["passages_without", "passages_with"]
    assert evaluation.drop(ids).equals(box.evaluation.drop(ids))


def _sorted(units: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    return units.select(columns).sort("text", "question")
