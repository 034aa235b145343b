"""Two runs of one benchmark: each validates, evaluates and reports what it built itself."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from tests.pipeline.conftest import Place
from wbrag_pipeline.releases.store import build_release, candidate, candidate_name
from wbrag_pipeline.retrieval.encoding.encoder import load_encoder
from wbrag_pipeline.training import stages


def train(place: Place, instance: dg.DagsterInstance) -> Any:
    job = place.definitions.defs.resolve_job_def("train_knowledge_base")
    config = {"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}}
    return job.execute_in_process(run_config=config, instance=instance, partition_key="towns", raise_on_error=False)


def figures(result: Any, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture
def instance(place: Place) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        index = place.definitions.defs.resolve_job_def("index_corpus")
        config = {"resources": {"deployment": {"config": {"home": str(place.settings.home)}}}}
        assert index.execute_in_process(run_config=config, instance=instance, partition_key="towns").success
        yield instance


def test_a_run_reports_the_release_that_it_built_though_another_is_the_candidate_by_then(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = place.settings.releases("towns"), stages.candidate_release
    built = []

    def and_somebody_else_too(context: Any, curated: Any) -> Any:
        release = real(context, curated)
        fewer = release.units().head(1)
        built.extend([release.name, build_release(fewer, load_encoder(), folder, {}).name])
        return release

    monkeypatch.setattr(stages, "candidate_release", and_somebody_else_too)
    result = train(place, instance)
    assert result.success
    mine, others = built
    assert mine != others == candidate_name(folder)
    assert figures(result, "release")["candidate"] == mine
    assert figures(result, "evaluation")["release"] == mine
    assert candidate(folder).validation is None
