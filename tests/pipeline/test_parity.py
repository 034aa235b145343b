"""There is one pipeline: whichever way a benchmark is trained, the units are the same, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.pipeline.conftest import Place, write_tiny
from wbrag_pipeline import Settings, add_benchmark, add_corpus, train
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.evaluation.experiments.trials import Trial, Workbench
from wbrag_pipeline.generation.engines import deployed_generator
from wbrag_pipeline.refresh.corpus_stages import refresh_corpus
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.settings import DEFAULT_ENCODER
from wbrag_pipeline.training import stages
from wbrag_pipeline.training.context import StageContext
from wbrag_pipeline.training.train import train_candidate

TABLES = ("questions", "retrievals", "utility_scores", "gated_docs", "knowledge_units", "curated_units")
Stored = Callable[[str], bytes]


def home_with_towns(folder: Path, **change: Any) -> Settings:
    corpus, questions, test = write_tiny(folder)
    settings = Settings(home=folder / "home", **change)
    add_corpus("towns", corpus, settings)
    add_benchmark("towns", corpus="towns", train=questions, test=test, settings=settings)
    return settings


def by_the_graph(place: Place, instance: Any) -> Stored:
    config = {"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}, "loggers": {"people": {}}}
    for job in ("index_corpus", "train_knowledge_base"):
        place.definitions.defs.resolve_job_def(job).execute_in_process(
            run_config=config, instance=instance, partition_key="towns"
        )
    return lambda table: place.settings.table(table, "towns").read_bytes()


def by_an_experiment(settings: Settings) -> Stored:
    registry = Registry.load(settings.home)
    refresh_corpus(settings, registry, "towns", load_encoder(DEFAULT_ENCODER), run="test")
    bench = Workbench(settings, registry, lambda s: load_encoder(s.encoder), deployed_generator)
    trial = Trial("towns", settings)
    made = {
        "questions": bench.asked,
        "retrievals": bench.retrievals,
        "utility_scores": bench.utility_scores,
        "gated_docs": bench.gated_docs,
        "knowledge_units": bench.units,
        "curated_units": bench.curated,
    }
    return lambda table: made[table](trial).path.read_bytes()


def by_the_python_api(settings: Settings) -> Stored:
    train("towns", settings)
    return lambda table: settings.table(table, "towns").read_bytes()


def by_the_state_machines_trainer(settings: Settings) -> Stored:
    registry = Registry.load(settings.home)
    refresh_corpus(settings, registry, "towns", load_encoder(DEFAULT_ENCODER), run="test")
    train_candidate(StageContext.of(settings, "towns", run="test"))
    return lambda table: settings.table(table, "towns").read_bytes()


WAYS = [by_an_experiment, by_the_python_api, by_the_state_machines_trainer]


def without_times(data: bytes) -> list[dict[str, Any]]:
    """CURATED_UNITS but for when the system came to know a unit: a graph that ran has told the lineage."""
    return pl.read_parquet(data).drop("known_from", "known_until").to_dicts()


def test_every_way_of_training_gives_the_same_tables(place: Place, instance: Any, tmp_path: Path) -> None:
    graph = by_the_graph(place, instance)
    assert pl.read_parquet(graph("knowledge_units")).height > 0
    for way in WAYS:
        other = way(home_with_towns(tmp_path / way.__name__))
        for table in TABLES[:-1]:
            assert other(table) == graph(table), f"{table} {way.__name__}"
        assert without_times(other("curated_units")) == without_times(graph("curated_units")), way.__name__


def test_other_settings_would_show(place: Place, instance: Any, tmp_path: Path) -> None:
    graph = by_the_graph(place, instance)
    for way in WAYS:
        other = way(home_with_towns(tmp_path / way.__name__, top_k=1, rescue_depth=0))
        assert other("knowledge_units") != graph("knowledge_units"), way.__name__


def test_an_argument_more_is_missed_by_every_way(
    place: Place, instance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stages.knowledge_units

    def with_one_more(context: Any, gated_docs: Any, passages: Any, one_more: Any) -> Any:
        return real(context, gated_docs, passages)

    monkeypatch.setattr(stages, "knowledge_units", with_one_more)
    for way in WAYS:
        with pytest.raises(TypeError, match="one_more"):
            way(home_with_towns(tmp_path / way.__name__))("knowledge_units")
    with pytest.raises(TypeError, match="one_more"):
        by_the_graph(place, instance)
